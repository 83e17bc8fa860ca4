/*
 * route.h
 *	  From an event to topic, key, headers and partition key: a pure function of
 *	  the event and of the recorded routing map.
 *
 * The map holds the partition count of each topic as it was recorded in the
 * source database when the topic was first used.  An event for a topic that the
 * map lacks is ROUTE_UNKNOWN_TOPIC: the conductor resolves it and asks again.
 *
 * Headers: id, type (when not NULL), those that settings place, the event's own in their
 * order, and outbox-position; in the profile cloudevents ce_id, ce_source, ce_specversion,
 * ce_type, ce_subject, ce_time and content-type in place of the first two.  String values as
 * they are, numbers and booleans as their JSON text, null as a null header.
 *
 * Of an event's own headers are left out: id, type and outbox-position in both profiles, the
 * six of CloudEvents in its profile, and those that a setting names, since they go where it
 * says and nowhere else.
 *
 * A replayed event has outbox-replayed and outbox-created-at in place of its position:
 * where it stood isn't kept, and a reader that went by it would drop it.
 */
#ifndef OUTBOX_RELAY_ROUTE_H
#define OUTBOX_RELAY_ROUTE_H

#include "buffer.h"
#include "event.h"
#include "route_settings.h"

#define TOPIC_NAME_MAX 249	 /* Kafka's limit */
#define ROUTE_OWN_HEADERS 64 /* of an event, beside those that settings name */
/* And those of the relay: the profile's, the position, what settings place (32 at most). */
#define ROUTE_MAX_HEADERS (ROUTE_OWN_HEADERS + 48)
#define ROUTE_VALUE_MAX ((size_t) 128 << 20) /* bytes of a payload that a value is made of */
#define PARTITION_BY_KEY (-1)

typedef struct RoutedHeader
{
	ByteView name;
	ByteView value; /* NULL data: a null header */
} RoutedHeader;

/* What is wrong with an event that can't be routed. */
typedef enum RouteFault
{
	ROUTE_FAULT_TOPIC,	   /* no legal topic */
	ROUTE_FAULT_HEADERS,   /* no flat object, too large, or too many */
	ROUTE_FAULT_FIELD,	   /* a field that a setting or the profile needs isn't there */
	ROUTE_FAULT_PARTITION, /* the field for the partition names none of the topic's */
	ROUTE_FAULT_TIME,	   /* the field for the timestamp holds no time that Kafka knows */
	ROUTE_FAULT_SIZE	   /* the payload is too large to make a value of it */
} RouteFault;

typedef struct RoutedEvent
{
	RouteFault fault; /* of ROUTE_REJECTED; not set otherwise */
	const char *topic;
	uint32_t topic_index;	  /* in the map; stable while the map lives */
	uint32_t partition_count; /* recorded */
	int32_t partition;		  /* that the event names, below the count; or PARTITION_BY_KEY */
	ByteView partition_key;	  /* murmur2 of this, modulo partition_count */
	ByteView key;			  /* NULL data: null key */
	ByteView value;			  /* NULL data: tombstone */
	int64_t timestamp_ms;	  /* since 1970 */
	int header_count;
	RoutedHeader headers[ROUTE_MAX_HEADERS + 1]; /* of a replayed event, one more */
	uint32_t size; /* bytes of key, value and headers, for the window */
} RoutedEvent;

typedef enum RouteResult
{
	ROUTE_OK,
	ROUTE_UNKNOWN_TOPIC, /* routed->topic is set, and nothing else */
	/*
	 * routed->fault says what is wrong, and routed->topic is NULL when it isn't known: the
	 * Error is PERMANENT with EXIT_POISON.  Out of memory comes this way as a BUG.
	 */
	ROUTE_REJECTED
} RouteResult;

typedef struct TopicMap TopicMap;
extern TopicMap *topic_map_create(void);
extern void topic_map_free(TopicMap *map);
/* Adds or, for the same count, finds; false when another count is already there or memory is out. */
extern MUST_CHECK bool topic_map_add(TopicMap *map, const char *topic, uint32_t partitions,
									 Error *error);
extern bool topic_map_find(const TopicMap *map, const char *topic, uint32_t *index,
						   uint32_t *partitions);
extern uint32_t topic_map_count(const TopicMap *map);
extern const char *topic_map_name(const TopicMap *map, uint32_t index, uint32_t *partitions);

typedef struct Router Router;
/* The default but for topics.pattern, such as "outbox.event.{aggregatetype}". */
extern MUST_CHECK Router *router_create(const char *pattern, const char *source_id,
										const TopicMap *map, Error *error);
extern MUST_CHECK Router *router_create_with(const RouteSettings *settings, const char *source_id,
											 const TopicMap *map, Error *error);
/* Before anything is connected: false (EXIT_CONFIG), and *option is the setting at fault. */
extern MUST_CHECK bool route_settings_check(const RouteSettings *settings, const char **option,
											Error *error);
extern void router_free(Router *router);

/* What is in *routed borrows from the event and from the router, until the next call. */
extern MUST_CHECK RouteResult router_route(Router *router, const OutboxEvent *event,
										   RoutedEvent *routed, Error *error);

extern bool topic_name_valid(const char *topic, size_t len);

#endif
