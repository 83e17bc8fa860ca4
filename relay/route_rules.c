/*
 * route_rules.c
 *	  The settings of the router, parsed and checked.
 *
 * Refuses what its parts refuse, and a source that is no reference to anything (RFC 3986):
 * too long, with white space or with bytes that a URI can't have.
 */
#include "route_rules.h"
#include "exit_codes.h"

#include <stdlib.h>
#include <string.h>

static bool
is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

static bool
take_field(RouteRules *rules, const char *name, const char *otherwise, FieldRef *field,
		   Error *error)
{
	*field = (FieldRef){FIELD_NONE, -1};
	if (!is_set(name))
		name = otherwise;
	return name == NULL || field_parse(&rules->members, name, strlen(name), field, error);
}

static bool
take_source(RouteRules *rules, const char *source, Error *error)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
								  "-._~:/?#[]@!$&'()*+,;=%";

	if (!is_set(source))
		return true;
	if (strlen(source) > MESSAGE_SOURCE_MAX || source[strspn(source, allowed)] != '\0')
	{
		error_permanent(error, EXIT_CONFIG, "\"%.64s\" is no URI reference of at most %d bytes",
						source, MESSAGE_SOURCE_MAX);
		return error_hint(error, "Write a URI or a path, as in /orders/production.");
	}
	memcpy(rules->source, source, strlen(source) + 1);
	return true;
}

static bool
take(RouteRules *rules, const RouteSettings *settings, const char **option, Error *error)
{
	*option = "message.source";
	if (!take_source(rules, settings->source, error))
		return false;
	*option = "route.by.field";
	if (!take_field(rules, settings->by_field, "aggregatetype", &rules->routed, error))
		return false;
	*option = "table.field.event.key";
	if (!take_field(rules, settings->key, "aggregateid", &rules->key, error))
		return false;
	*option = "table.field.event.timestamp";
	if (!take_field(rules, settings->timestamp, NULL, &rules->timestamp, error))
		return false;
	*option = "table.fields.additional.placement";
	if (is_set(settings->placement) &&
		!placements_parse(&rules->placements, settings->placement, &rules->members, error))
		return false;
	rules->topic = topic_rule_create(settings, option, error);
	return rules->topic != NULL;
}

RouteRules *
route_rules_create(const RouteSettings *settings, const char **option, Error *error)
{
	RouteRules *rules = calloc(1, sizeof(*rules));

	*option = "message.profile";
	if (rules == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	rules->profile = settings->profile;
	rules->ignore_missing = settings->ignore_missing;
	rules->placements.partition = (FieldRef){FIELD_NONE, -1};
	rules->payload = (PayloadRule){
		.expansion = settings->expansion,
		.compaction = {settings->keep_nulls, settings->keep_empty_arrays},
		.tombstone_on_empty = settings->tombstone_on_empty,
	};
	if (take(rules, settings, option, error))
		return rules;
	route_rules_free(rules);
	return NULL;
}

void
route_rules_free(RouteRules *rules)
{
	if (rules == NULL)
		return;
	topic_rule_free(rules->topic);
	placements_free(&rules->placements);
	field_names_free(&rules->members);
	free(rules);
}
