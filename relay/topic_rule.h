/*
 * topic_rule.h
 *	  From the routed value of an event (route.by.field) to its topic.  Private to the
 *	  router and to route_record.  Pure.
 *
 * Either a pattern with one placeholder, "{routedByValue}", for which "{aggregatetype}" may
 * stand when that is the field; or an expression and a replacement.  One of the latter two
 * may be left out: the expression is then (?<routedByValue>.*), the replacement
 * outbox.event.${routedByValue}.
 */
#ifndef OUTBOX_RELAY_TOPIC_RULE_H
#define OUTBOX_RELAY_TOPIC_RULE_H

#include "error.h"
#include "reader.h"
#include "route_settings.h"

#define TOPIC_PLACEHOLDER "{routedByValue}"
#define TOPIC_PLACEHOLDER_AGGREGATE "{aggregatetype}"
#define TOPIC_FIELD_DEFAULT "aggregatetype"
#define TOPIC_REGEX_DEFAULT "(?<routedByValue>.*)"
#define TOPIC_REPLACEMENT_DEFAULT "outbox.event.${routedByValue}"

typedef struct TopicRule TopicRule;

/* NULL: PERMANENT with EXIT_CONFIG, and *option names the setting. */
extern MUST_CHECK TopicRule *topic_rule_create(const RouteSettings *settings, const char **option,
											   Error *error);
extern void topic_rule_free(TopicRule *rule);

/*
 * A legal topic of at most TOPIC_NAME_MAX bytes, until the next call.  NULL: PERMANENT with
 * EXIT_POISON, or a BUG for want of memory; the error doesn't show the value.
 */
extern MUST_CHECK const char *topic_rule_make(TopicRule *rule, ByteView value, Error *error);

#endif
