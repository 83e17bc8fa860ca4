/*
 * route_headers.h
 *	  The headers of a record: an event's own are read, and all are put in order.
 *	  Private to route.  Pure.
 */
#ifndef OUTBOX_RELAY_ROUTE_HEADERS_H
#define OUTBOX_RELAY_ROUTE_HEADERS_H

#include "event_time.h"
#include "route.h"
#include "route_rules.h"

/* Borrows from the event and from its own scratch, until the next event is read. */
typedef struct OwnHeaders
{
	int count;
	RoutedHeader items[ROUTE_OWN_HEADERS]; /* those that go out */
	ByteView content_type;				   /* cloudevents alone, and not among them */
	FieldValue members[FIELD_MEMBERS_MAX]; /* those that settings name */
	uint8_t *scratch;
	size_t scratch_size;
} OwnHeaders;

/* What headers are made of beside the event; must outlive the routed event. */
typedef struct RouteTexts
{
	char id[UUID_TEXT_SIZE];
	char position[POSITION_TEXT_SIZE];
	const char *source;
	PgUsec at;
	char time[EVENT_TIME_SIZE];
	char created_at[CLOCK_TEXT_SIZE]; /* of a replayed event */
} RouteTexts;

/* PERMANENT with EXIT_POISON when the event's headers are neither NULL nor a flat JSON object. */
extern MUST_CHECK bool own_headers_read(OwnHeaders *own, const OutboxEvent *event,
										const RouteRules *rules, Error *error);
extern void own_headers_free(OwnHeaders *own);

/* Fills headers and header_count; the value is there already.  Names a fault but that of headers. */
extern MUST_CHECK bool route_headers_make(const RouteRules *rules, const OutboxEvent *event,
										  const OwnHeaders *own, RouteTexts *texts,
										  RoutedEvent *routed, Error *error);

#endif
