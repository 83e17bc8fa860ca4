/*
 * relcache.h
 *	  What the stream said about relations: which one is outbox.event, and where
 *	  its columns are.  Private to assemble.  Pure.
 *
 * A RELATION message comes before the first row of a relation and again after
 * each invalidation; the last one counts.  Relations that aren't ours are kept by
 * their oid alone, to tell a foreign row from one that nobody announced.
 */
#ifndef OUTBOX_RELAY_RELCACHE_H
#define OUTBOX_RELAY_RELCACHE_H

#include "error.h"
#include "pgoutput.h"

#define RELCACHE_MAX 64 /* published relations; our publication has one and its leaves */

typedef enum EventColumn
{
	COLUMN_ID,
	COLUMN_AGGREGATE_TYPE,
	COLUMN_AGGREGATE_ID,
	COLUMN_TYPE,
	COLUMN_PAYLOAD,
	COLUMN_PAYLOAD_BYTES,
	COLUMN_HEADERS,
	COLUMN_CREATED_AT, /* the relation lacks it when it has another type */
	EVENT_COLUMN_COUNT
} EventColumn;

/* What a value of a column is made of. */
typedef enum ValueEncoding
{
	ENCODING_UUID,	/* 16 bytes, or text */
	ENCODING_PLAIN, /* as it is: text, json; a time of either format */
	ENCODING_JSONB, /* a version byte and text, or text */
	ENCODING_BYTEA	/* raw, or hexadecimal or escaped text */
} ValueEncoding;

typedef enum RelationKind
{
	RELATION_FOREIGN,
	RELATION_EVENT, /* outbox.event */
	RELATION_LEAF	/* outbox.event_...: rows must come under the root's oid */
} RelationKind;

typedef struct Relation
{
	uint32_t oid;
	RelationKind kind;
	int column_count;
	int8_t position[EVENT_COLUMN_COUNT]; /* in the row; -1: the relation lacks it */
	ValueEncoding encoding[EVENT_COLUMN_COUNT];
} Relation;

typedef struct Relcache
{
	int count;
	Relation relations[RELCACHE_MAX];
} Relcache;

extern void relcache_reset(Relcache *cache);

/* PERMANENT (EXIT_PUBLICATION) when outbox.event isn't as it must be. */
extern MUST_CHECK bool relcache_take(Relcache *cache, const PgoutputMessage *message, Error *error);

extern const Relation *relcache_find(const Relcache *cache,
									 uint32_t oid); /* NULL: never announced */

#endif
