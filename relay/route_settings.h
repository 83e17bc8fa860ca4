/*
 * route_settings.h
 *	  How events become records, as the operator set it.
 *
 * All zero is the default: profile debezium, topic outbox.event.<aggregatetype>, key
 * aggregateid, the payload as it is.  NULL and "" are the default of a text.  Texts are
 * borrowed while the rules are made.  The names of the settings are those of Debezium's
 * Outbox Event Router where the meaning is the same: docs/debezium.md.
 */
#ifndef OUTBOX_RELAY_ROUTE_SETTINGS_H
#define OUTBOX_RELAY_ROUTE_SETTINGS_H

#include <stdbool.h>

#define ROUTE_PATTERN_DEFAULT "outbox.event.{routedByValue}"

typedef enum MessageProfile
{
	PROFILE_DEBEZIUM,
	PROFILE_CLOUDEVENTS
} MessageProfile;

typedef enum JsonExpansion
{
	EXPAND_OFF,		/* in an envelope the payload is a JSON string */
	EXPAND_COMPACT, /* real JSON, without white space and what is dropped */
	EXPAND_VERBATIM /* real JSON, to the byte as it was written */
} JsonExpansion;

typedef struct RouteSettings
{
	MessageProfile profile;	   /* message.profile */
	const char *source;		   /* message.source; default: /pg_outbox/<source id> */
	const char *topic_pattern; /* topics.pattern */
	const char *by_field;	   /* route.by.field */
	const char *regex;		   /* route.topic.regex */
	const char *replacement;   /* route.topic.replacement */
	bool unmatched_is_topic;   /* route.topic.unmatched = value */
	const char *key;		   /* table.field.event.key */
	const char *timestamp;	   /* table.field.event.timestamp */
	const char *placement;	   /* table.fields.additional.placement */
	bool ignore_missing;	   /* table.field.additional.missing = ignore */
	bool tombstone_on_empty;   /* route.tombstone.on.empty.payload */
	JsonExpansion expansion;   /* table.expand.json.payload */
	bool keep_nulls;		   /* table.json.payload.null.behavior */
	bool keep_empty_arrays;	   /* table.json.payload.empty.array.behavior */
} RouteSettings;

#endif
