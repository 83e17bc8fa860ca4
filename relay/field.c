/*
 * field.c
 *	  What settings call a field of an event.
 *
 * Refuses the columns that no setting can place: the payload has its own place, created_at
 * and xid are in rows alone and not in messages of the WAL, and a record must be the same
 * from both.  outbox-replayed must reach the consumer under its own name.
 *
 * Invariants: a member has one index, however often it is named.
 */
#include "field.h"
#include "exit_codes.h"

#include <stdlib.h>
#include <string.h>

typedef struct ColumnName
{
	const char *name;
	FieldSource source;
} ColumnName;

static const ColumnName columns[] = {
	{"id", FIELD_ID},
	{"aggregatetype", FIELD_AGGREGATE_TYPE},
	{"aggregateid", FIELD_AGGREGATE_ID},
	{"type", FIELD_TYPE},
	{NULL, FIELD_NONE},
};

static const char *const unplaced[] = {"payload",	 "payload_bytes", "headers",
									   "created_at", "xid",			  NULL};

static bool
refuse_unplaced(const char *name, Error *error)
{
	for (int i = 0; unplaced[i] != NULL; i++)
	{
		if (strcmp(name, unplaced[i]) != 0)
			continue;
		error_permanent(error, EXIT_CONFIG, "column \"%s\" can't be placed", name);
		return error_hint(error, "Name id, aggregatetype, aggregateid, type or a member of the "
								 "column headers.");
	}
	if (strcmp(name, ENVELOPE_HEADER_REPLAYED) != 0)
		return true;
	error_permanent(error, EXIT_CONFIG, "header \"%s\" can't be placed", name);
	return error_hint(error, "Readers must find it under its own name.");
}

bool
field_parse(FieldNames *names, const char *name, size_t len, FieldRef *field, Error *error)
{
	char text[FIELD_NAME_MAX + 1];

	if (len == 0 || len > FIELD_NAME_MAX)
		return error_permanent(error, EXIT_CONFIG, "a field's name must have 1 to %d bytes",
							   FIELD_NAME_MAX);
	memcpy(text, name, len);
	text[len] = '\0';
	*field = (FieldRef){FIELD_NONE, -1};
	for (const ColumnName *column = columns; column->name != NULL; column++)
	{
		if (strcmp(column->name, text) == 0)
		{
			field->source = column->source;
			return true;
		}
	}
	if (!refuse_unplaced(text, error))
		return false;
	field->source = FIELD_MEMBER;
	field->member = field_find(names, view_of(text));
	if (field->member >= 0)
		return true;
	if (names->count == FIELD_MEMBERS_MAX)
		return error_permanent(error, EXIT_CONFIG, "more than %d members of headers are named",
							   FIELD_MEMBERS_MAX);
	names->names[names->count] = strdup(text);
	if (names->names[names->count] == NULL)
		return error_bug(error, "out of memory");
	field->member = names->count++;
	return true;
}

void
field_names_free(FieldNames *names)
{
	for (int i = 0; i < names->count; i++)
		free(names->names[i]);
	names->count = 0;
}

const char *
field_name(const FieldNames *names, FieldRef field)
{
	if (field.source == FIELD_MEMBER)
		return names->names[field.member];
	for (const ColumnName *column = columns; column->name != NULL; column++)
	{
		if (column->source == field.source)
			return column->name;
	}
	return NULL;
}

int
field_find(const FieldNames *names, ByteView name)
{
	for (int i = 0; i < names->count; i++)
	{
		if (view_equals(name, view_of(names->names[i])))
			return i;
	}
	return -1;
}

FieldValue
field_value(FieldRef field, const OutboxEvent *event, const char *id_text,
			const FieldValue *members)
{
	FieldValue value = {.present = true, .kind = FLAT_JSON_STRING};

	switch (field.source)
	{
		case FIELD_ID:
			value.text = view_of(id_text);
			break;
		case FIELD_AGGREGATE_TYPE:
			value.text = event->aggregate_type;
			break;
		case FIELD_AGGREGATE_ID:
			value.text = event->aggregate_id;
			break;
		case FIELD_TYPE:
			value.text = event->type;
			break;
		case FIELD_MEMBER:
			return members[field.member];
		case FIELD_NONE:
			return (FieldValue){.present = false, .kind = FLAT_JSON_NULL};
	}
	if (value.text.data == NULL)
		value.kind = FLAT_JSON_NULL;
	return value;
}
