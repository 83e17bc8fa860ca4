/*
 * route_record.h
 *	  The settings that decide an event's place, as they are recorded with the registration
 *	  (outbox.relay.routing).  Pure.
 *
 *		{"topics.pattern": "outbox.event.{routedByValue}", "route.by.field": "aggregatetype",
 *		 "route.topic.regex": "", "route.topic.replacement": "",
 *		 "table.field.event.key": "aggregateid", "table.fields.additional.placement": ""}
 *
 * Each has the name of its setting and a value that the setting takes.  Defaults are written
 * out, "{aggregatetype}" becomes "{routedByValue}", and of the placements only that of the
 * partition is kept: what leaves every event where it is makes no difference here.
 *
 * Not in it are settings that make poison of an event or no poison, and leave the place of
 * every other alone: route.topic.unmatched, table.field.additional.missing.
 */
#ifndef OUTBOX_RELAY_ROUTE_RECORD_H
#define OUTBOX_RELAY_ROUTE_RECORD_H

#include "error.h"
#include "route_settings.h"

typedef enum RouteRecordItem
{
	RECORD_PATTERN,
	RECORD_BY_FIELD,
	RECORD_REGEX,
	RECORD_REPLACEMENT,
	RECORD_KEY,
	RECORD_PARTITION,
	ROUTE_RECORD_ITEMS
} RouteRecordItem;

typedef struct RouteRecord
{
	char *values[ROUTE_RECORD_ITEMS]; /* all NULL: nothing is recorded */
} RouteRecord;

#define ROUTE_RECORD_NONE ((RouteRecord){{NULL}})

/* Of settings that are in force; PERMANENT with EXIT_CONFIG for what isn't valid. */
extern MUST_CHECK bool route_record_make(RouteRecord *record, const RouteSettings *settings,
										 Error *error);
/*
 * Of the text in the database; NULL gives ROUTE_RECORD_NONE.  A member that is missing has its
 * default.  PERMANENT with EXIT_ROUTING for what isn't such a text, and for a member that this
 * version doesn't know.
 */
extern MUST_CHECK bool route_record_parse(RouteRecord *record, const char *text, Error *error);
/* ASCII alone; the caller frees it.  NULL: out of memory. */
extern MUST_CHECK char *route_record_text(const RouteRecord *record);
extern void route_record_free(RouteRecord *record); /* may be done twice */

extern bool route_record_is_set(const RouteRecord *record);
extern const char *route_record_setting(RouteRecordItem item);
extern bool route_records_differ(const RouteRecord *a, const RouteRecord *b, RouteRecordItem item);
extern bool route_records_equal(const RouteRecord *a, const RouteRecord *b);

/* PERMANENT with EXIT_ROUTING when mine isn't what is recorded: which settings, old and new. */
extern MUST_CHECK bool route_record_check(const RouteRecord *recorded, const RouteRecord *mine,
										  Error *error);

/*
 * The settings with the recorded places in them: *out borrows from settings, from the record
 * and from *placement, which the caller frees.
 */
extern MUST_CHECK bool route_record_apply(const RouteRecord *record, const RouteSettings *settings,
										  RouteSettings *out, char **placement, Error *error);

#endif
