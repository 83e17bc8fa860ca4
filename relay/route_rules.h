/*
 * route_rules.h
 *	  The settings of the router, parsed and checked.  Private to route.  Pure.
 */
#ifndef OUTBOX_RELAY_ROUTE_RULES_H
#define OUTBOX_RELAY_ROUTE_RULES_H

#include "envelope_json.h"
#include "placement.h"
#include "route_settings.h"
#include "topic_rule.h"

#define MESSAGE_SOURCE_MAX 255

typedef struct RouteRules
{
	MessageProfile profile;
	char source[MESSAGE_SOURCE_MAX + 1]; /* "": made from the source id */
	FieldNames members;
	FieldRef routed;
	FieldRef key;
	FieldRef timestamp; /* FIELD_NONE: the commit time */
	Placements placements;
	bool ignore_missing;
	PayloadRule payload;
	TopicRule *topic;
} RouteRules;

/* NULL: PERMANENT with EXIT_CONFIG, and *option names the setting that is wrong. */
extern MUST_CHECK RouteRules *route_rules_create(const RouteSettings *settings, const char **option,
												 Error *error);
extern void route_rules_free(RouteRules *rules);

#endif
