/*
 * field.h
 *	  What settings call a field of an event: a column of outbox.event, or a member of
 *	  its column headers.  Private to the router.  Pure.
 *
 * The columns are id, aggregatetype, aggregateid and type; every other name is that of a
 * member.  A member with the name of a column can't be reached.
 */
#ifndef OUTBOX_RELAY_FIELD_H
#define OUTBOX_RELAY_FIELD_H

#include "error.h"
#include "event.h"
#include "flat_json.h"

#define FIELD_MEMBERS_MAX 32
#define FIELD_NAME_MAX 255

typedef enum FieldSource
{
	FIELD_NONE,
	FIELD_ID,
	FIELD_AGGREGATE_TYPE,
	FIELD_AGGREGATE_ID,
	FIELD_TYPE,
	FIELD_MEMBER
} FieldSource;

typedef struct FieldRef
{
	FieldSource source;
	int member; /* in FieldNames, for FIELD_MEMBER */
} FieldRef;

/* The members that settings name. */
typedef struct FieldNames
{
	int count;
	char *names[FIELD_MEMBERS_MAX];
} FieldNames;

typedef struct FieldValue
{
	bool present; /* a column always is */
	FlatJsonKind kind;
	ByteView text; /* NULL data: null */
} FieldValue;

/*
 * Refuses, PERMANENT with EXIT_CONFIG, an empty or too long name, a column that can't be
 * placed, outbox-replayed and more members than there is room for.
 */
extern MUST_CHECK bool field_parse(FieldNames *names, const char *name, size_t len, FieldRef *field,
								   Error *error);
extern void field_names_free(FieldNames *names);

/* How settings write it; NULL for FIELD_NONE.  Borrows from names. */
extern const char *field_name(const FieldNames *names, FieldRef field);

/* The index of a member that is named, or -1. */
extern int field_find(const FieldNames *names, ByteView name);

/* members: a value for each of the names; id_text: the id of the event as text. */
extern FieldValue field_value(FieldRef field, const OutboxEvent *event, const char *id_text,
							  const FieldValue *members);

#endif
