/*
 * route_record.c
 *	  The settings that decide an event's place, as they are recorded.
 *
 * Refuses settings that the router would refuse or that aren't UTF-8, and a record that was
 * made by a later version: what it knows of places this one doesn't.
 *
 * Invariants: equal records put every event in the same place, given equal partition counts;
 * a record that was applied to any settings is made of them again.
 */
#include "route_record.h"

#include "buffer.h"
#include "exit_codes.h"
#include "placement.h"
#include "topic_rule.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PLACEMENT_MAX ((size_t) 1 << 20)
#define PARTITION_SUFFIX ":partition"
#define KEY_DEFAULT "aggregateid"

typedef struct ItemName
{
	const char *setting;
	const char *value; /* where the record lacks it */
} ItemName;

static const ItemName items[ROUTE_RECORD_ITEMS] = {
	[RECORD_PATTERN] = {"topics.pattern", ROUTE_PATTERN_DEFAULT},
	[RECORD_BY_FIELD] = {"route.by.field", TOPIC_FIELD_DEFAULT},
	[RECORD_REGEX] = {"route.topic.regex", ""},
	[RECORD_REPLACEMENT] = {"route.topic.replacement", ""},
	[RECORD_KEY] = {"table.field.event.key", KEY_DEFAULT},
	[RECORD_PARTITION] = {"table.fields.additional.placement", ""},
};

static bool
is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

static bool
keep(RouteRecord *record, RouteRecordItem item, const char *value, Error *error)
{
	if (!view_is_utf8(view_of(value)))
		return error_permanent(error, EXIT_CONFIG, "\"%s\" is not valid UTF-8",
							   items[item].setting);
	free(record->values[item]);
	record->values[item] = strdup(value);
	return record->values[item] != NULL || error_bug(error, "out of memory");
}

void
route_record_free(RouteRecord *record)
{
	for (int i = 0; i < ROUTE_RECORD_ITEMS; i++)
		free(record->values[i]);
	*record = ROUTE_RECORD_NONE;
}

/* -------------------------------------------------------------------------
 * from settings
 * -------------------------------------------------------------------------
 */

/* Both spellings of the placeholder are one. */
static bool
keep_pattern(RouteRecord *record, const char *pattern, Error *error)
{
	const char *field = record->values[RECORD_BY_FIELD];
	const char *other = strcmp(field, TOPIC_FIELD_DEFAULT) == 0
							? strstr(pattern, TOPIC_PLACEHOLDER_AGGREGATE)
							: NULL;
	Buffer text;
	bool ok;

	if (other == NULL)
		return keep(record, RECORD_PATTERN, pattern, error);
	buffer_init(&text, PLACEMENT_MAX);
	buffer_append(&text, pattern, (size_t) (other - pattern));
	buffer_append_str(&text, TOPIC_PLACEHOLDER);
	buffer_append_str(&text, other + strlen(TOPIC_PLACEHOLDER_AGGREGATE));
	ok = text.failed ? error_bug(error, "out of memory")
					 : keep(record, RECORD_PATTERN, text.data, error);
	buffer_free(&text);
	return ok;
}

static bool
keep_topic(RouteRecord *record, const RouteSettings *settings, Error *error)
{
	bool by_expression = is_set(settings->regex) || is_set(settings->replacement);
	const char *regex = is_set(settings->regex) ? settings->regex : TOPIC_REGEX_DEFAULT;
	const char *replacement =
		is_set(settings->replacement) ? settings->replacement : TOPIC_REPLACEMENT_DEFAULT;

	if (!keep(record, RECORD_BY_FIELD,
			  is_set(settings->by_field) ? settings->by_field : TOPIC_FIELD_DEFAULT, error) ||
		!keep(record, RECORD_REGEX, by_expression ? regex : "", error) ||
		!keep(record, RECORD_REPLACEMENT, by_expression ? replacement : "", error))
		return false;
	if (by_expression)
		return keep(record, RECORD_PATTERN, "", error);
	return keep_pattern(
		record, settings->topic_pattern != NULL ? settings->topic_pattern : ROUTE_PATTERN_DEFAULT,
		error);
}

/*
 * The items of a placement as text: that of the partition, or the others.  false: the Error is
 * filled.
 */
static bool
placement_text(const char *placement, bool partition, Buffer *text, Error *error)
{
	FieldNames names = {.count = 0};
	Placements placements;
	bool ok = true;

	if (!is_set(placement))
		return true;
	ok = placements_parse(&placements, placement, &names, error);
	for (int i = 0; ok && i < placements.count; i++)
	{
		const Placement *item = &placements.items[i];
		const char *name = field_name(&names, item->field);

		if ((item->kind == PLACE_PARTITION) != partition)
			continue;
		if (text->len > 0)
			buffer_append_str(text, ",");
		if (partition)
			buffer_printf(text, "%s" PARTITION_SUFFIX, name);
		else
			buffer_printf(text, "%s:%s:%s", name,
						  item->kind == PLACE_HEADER ? "header" : "envelope", item->alias);
	}
	placements_free(&placements);
	field_names_free(&names);
	return ok && (!text->failed || error_bug(error, "out of memory"));
}

static bool
keep_partition(RouteRecord *record, const char *placement, Error *error)
{
	Buffer text;
	bool ok;

	buffer_init(&text, PLACEMENT_MAX);
	ok = placement_text(placement, true, &text, error) &&
		 keep(record, RECORD_PARTITION, text.data, error);
	buffer_free(&text);
	return ok;
}

bool
route_record_make(RouteRecord *record, const RouteSettings *settings, Error *error)
{
	*record = ROUTE_RECORD_NONE;
	if (keep_topic(record, settings, error) &&
		keep(record, RECORD_KEY, is_set(settings->key) ? settings->key : KEY_DEFAULT, error) &&
		keep_partition(record, settings->placement, error))
		return true;
	route_record_free(record);
	return false;
}

bool
route_record_apply(const RouteRecord *record, const RouteSettings *settings, RouteSettings *out,
				   char **placement, Error *error)
{
	Buffer text;
	bool ok;

	*out = *settings;
	*placement = NULL;
	out->by_field = record->values[RECORD_BY_FIELD];
	out->regex = record->values[RECORD_REGEX];
	out->replacement = record->values[RECORD_REPLACEMENT];
	out->topic_pattern = is_set(out->regex) ? NULL : record->values[RECORD_PATTERN];
	out->key = record->values[RECORD_KEY];
	buffer_init(&text, PLACEMENT_MAX);
	ok = placement_text(settings->placement, false, &text, error);
	if (ok && is_set(record->values[RECORD_PARTITION]))
		buffer_printf(&text, "%s%s", text.len > 0 ? "," : "", record->values[RECORD_PARTITION]);
	if (ok && !text.failed)
		*placement = strdup(text.data);
	buffer_free(&text);
	out->placement = *placement;
	return *placement != NULL || (ok && error_bug(error, "out of memory"));
}

/* -------------------------------------------------------------------------
 * from and to text
 * -------------------------------------------------------------------------
 */

static bool
no_record(const char *what, Error *error)
{
	error_permanent(error, EXIT_ROUTING, "the recorded routing settings can't be read: %s", what);
	return error_hint(error, "They are in outbox.relay.routing. Was it a later version of "
							 "outbox-relay that recorded them?");
}

static bool
is_known(const char *setting)
{
	for (int i = 0; i < ROUTE_RECORD_ITEMS; i++)
	{
		if (strcmp(items[i].setting, setting) == 0)
			return true;
	}
	return false;
}

static bool
read_object(RouteRecord *record, json_t *root, Error *error)
{
	const char *setting;
	json_t *value;

	if (!json_is_object(root))
		return no_record("they are no JSON object", error);
	json_object_foreach(root, setting, value)
	{
		if (!is_known(setting))
			return no_record(setting, error);
		if (!json_is_string(value))
			return no_record("a value is no string", error);
	}
	for (int i = 0; i < ROUTE_RECORD_ITEMS; i++)
	{
		value = json_object_get(root, items[i].setting);
		if (!keep(record, (RouteRecordItem) i,
				  value != NULL ? json_string_value(value) : items[i].value, error))
			return false;
	}
	return true;
}

bool
route_record_parse(RouteRecord *record, const char *text, Error *error)
{
	json_t *root;
	bool ok;

	*record = ROUTE_RECORD_NONE;
	if (text == NULL)
		return true;
	root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ok = read_object(record, root, error);
	json_decref(root);
	if (!ok)
		route_record_free(record);
	return ok;
}

char *
route_record_text(const RouteRecord *record)
{
	json_t *root = json_object();
	char *text = NULL;
	bool ok = root != NULL;

	for (int i = 0; ok && i < ROUTE_RECORD_ITEMS; i++)
		ok = json_object_set_new(root, items[i].setting, json_string(record->values[i])) == 0;
	if (ok)
		text = json_dumps(root, JSON_ENSURE_ASCII);
	json_decref(root);
	return text;
}

/* -------------------------------------------------------------------------
 * compared
 * -------------------------------------------------------------------------
 */

bool
route_record_is_set(const RouteRecord *record)
{
	return record->values[0] != NULL;
}

const char *
route_record_setting(RouteRecordItem item)
{
	return items[item].setting;
}

bool
route_records_differ(const RouteRecord *a, const RouteRecord *b, RouteRecordItem item)
{
	return strcmp(a->values[item], b->values[item]) != 0;
}

bool
route_records_equal(const RouteRecord *a, const RouteRecord *b)
{
	for (int i = 0; i < ROUTE_RECORD_ITEMS; i++)
	{
		if (route_records_differ(a, b, (RouteRecordItem) i))
			return false;
	}
	return true;
}

bool
route_record_check(const RouteRecord *recorded, const RouteRecord *mine, Error *error)
{
	Buffer list;

	if (route_records_equal(recorded, mine))
		return true;
	buffer_init(&list, PLACEMENT_MAX);
	for (int i = 0; i < ROUTE_RECORD_ITEMS; i++)
	{
		if (route_records_differ(recorded, mine, (RouteRecordItem) i))
			buffer_printf(&list, "%s%s was \"%s\", is \"%s\"", list.len > 0 ? "; " : "",
						  items[i].setting, recorded->values[i], mine->values[i]);
	}
	error_permanent(error, EXIT_ROUTING,
					"settings that decide where an event goes differ from those that are recorded");
	error_detail(error, "%s.", list.data);
	buffer_free(&list);
	return error_hint(error, "An event that Kafka has not acknowledged could come where later ones "
							 "are already, and be dropped. Set them back, or run outbox-relay "
							 "repartition.");
}
