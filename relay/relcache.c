/*
 * relcache.c
 *	  What the stream said about relations.
 *
 * Refuses an outbox.event without a column that an event needs, with a column of
 * a type that isn't decoded, or with the same column twice, and more relations
 * than a publication of ours can have.  Columns that nobody asks for may be
 * there and have any type.
 *
 * Invariants: one entry an oid; a refused RELATION changes nothing; the position
 * of a column is below column_count.
 */
#include "relcache.h"
#include "exit_codes.h"

#include <string.h>

#define EVENT_SCHEMA "outbox"
#define EVENT_RELATION "event"
#define EVENT_LEAF_PREFIX "event_"

/* Fixed oids of pg_type. */
#define OID_BYTEA 17
#define OID_TEXT 25
#define OID_JSON 114
#define OID_VARCHAR 1043
#define OID_TIMESTAMPTZ 1184
#define OID_UUID 2950
#define OID_JSONB 3802

typedef struct EventColumnSpec
{
	const char *name;
	bool required;
	uint32_t types[4]; /* what is decoded; ended by 0 */
} EventColumnSpec;

static const EventColumnSpec event_columns[EVENT_COLUMN_COUNT] = {
	[COLUMN_ID] = {"id", true, {OID_UUID}},
	[COLUMN_AGGREGATE_TYPE] = {"aggregatetype", true, {OID_TEXT, OID_VARCHAR}},
	[COLUMN_AGGREGATE_ID] = {"aggregateid", true, {OID_TEXT, OID_VARCHAR}},
	[COLUMN_TYPE] = {"type", true, {OID_TEXT, OID_VARCHAR}},
	[COLUMN_PAYLOAD] = {"payload", true, {OID_JSON, OID_JSONB, OID_TEXT}},
	[COLUMN_PAYLOAD_BYTES] = {"payload_bytes", false, {OID_BYTEA}},
	[COLUMN_HEADERS] = {"headers", false, {OID_JSONB, OID_JSON}},
	[COLUMN_CREATED_AT] = {"created_at", false, {OID_TIMESTAMPTZ}},
};

static ValueEncoding
encoding_of(uint32_t type_oid)
{
	switch (type_oid)
	{
		case OID_UUID:
			return ENCODING_UUID;
		case OID_JSONB:
			return ENCODING_JSONB;
		case OID_BYTEA:
			return ENCODING_BYTEA;
		default:
			return ENCODING_PLAIN;
	}
}

static bool
type_decoded(const EventColumnSpec *spec, uint32_t type_oid)
{
	for (const uint32_t *type = spec->types; *type != 0; type++)
	{
		if (*type == type_oid)
			return true;
	}
	return false;
}

static bool
publication_error(Error *error, const char *problem, const char *column)
{
	error_permanent(error, EXIT_PUBLICATION, "published column \"%s\" of outbox.event %s", column,
					problem);
	return error_hint(error,
					  "Run \"outbox-relay init\" to mend the publication. What was written before "
					  "that stays in the WAL as it is: to go on behind it drop the slot, run "
					  "\"outbox-relay init --accept-gap\", start the relay, and publish those rows "
					  "with \"outbox-relay replay --gap\".");
}

static bool
map_column(const PgoutputMessage *message, EventColumn wanted, Relation *relation, Error *error)
{
	const EventColumnSpec *spec = &event_columns[wanted];

	relation->position[wanted] = -1;
	for (int i = 0; i < message->u.relation.column_count; i++)
	{
		const PgoutputColumn *column = &message->u.relation.columns[i];

		if (strcmp(column->name, spec->name) != 0)
			continue;
		if (relation->position[wanted] != -1)
			return publication_error(error, "is there twice", spec->name);
		if (!type_decoded(spec, column->type_oid))
		{
			if (wanted == COLUMN_CREATED_AT)
				continue;
			publication_error(error, "has a type that isn't decoded", spec->name);
			return error_detail(error, "Its type has the oid %u.", (unsigned) column->type_oid);
		}
		relation->position[wanted] = (int8_t) i;
		relation->encoding[wanted] = encoding_of(column->type_oid);
	}
	if (spec->required && relation->position[wanted] == -1)
		return publication_error(error, "is missing", spec->name);
	return true;
}

static RelationKind
kind_of(const char *schema, const char *name)
{
	if (strcmp(schema, EVENT_SCHEMA) != 0)
		return RELATION_FOREIGN;
	if (strcmp(name, EVENT_RELATION) == 0)
		return RELATION_EVENT;
	if (strncmp(name, EVENT_LEAF_PREFIX, strlen(EVENT_LEAF_PREFIX)) == 0)
		return RELATION_LEAF;
	return RELATION_FOREIGN;
}

static int
index_of(const Relcache *cache, uint32_t oid)
{
	int i;

	for (i = 0; i < cache->count; i++)
	{
		if (cache->relations[i].oid == oid)
			break;
	}
	return i;
}

void
relcache_reset(Relcache *cache)
{
	cache->count = 0;
}

bool
relcache_take(Relcache *cache, const PgoutputMessage *message, Error *error)
{
	Relation relation = {.oid = message->u.relation.oid};
	int index = index_of(cache, relation.oid);

	relation.kind = kind_of(message->u.relation.schema, message->u.relation.name);
	relation.column_count = message->u.relation.column_count;
	if (relation.kind == RELATION_EVENT)
	{
		for (int column = 0; column < EVENT_COLUMN_COUNT; column++)
		{
			if (!map_column(message, (EventColumn) column, &relation, error))
				return false;
		}
	}
	if (index == RELCACHE_MAX)
		return error_permanent(error, EXIT_PUBLICATION,
							   "the publication has more than %d tables, outbox.event alone is "
							   "expected",
							   RELCACHE_MAX);
	cache->relations[index] = relation;
	if (index == cache->count)
		cache->count++;
	return true;
}

const Relation *
relcache_find(const Relcache *cache, uint32_t oid)
{
	int index = index_of(cache, oid);

	return index < cache->count ? &cache->relations[index] : NULL;
}
