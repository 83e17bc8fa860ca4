/*
 * pgoutput.h
 *	  The messages of the pgoutput plugin, protocol version 1 with logical
 *	  messages (PostgreSQL manual, "Logical Replication Message Formats").  Pure:
 *	  bytes to a tagged union of views.  Trailing bytes are an error.
 */
#ifndef OUTBOX_RELAY_PGOUTPUT_H
#define OUTBOX_RELAY_PGOUTPUT_H

#include "clock.h"
#include "error.h"
#include "lsn.h"
#include "reader.h"

#define PGOUTPUT_MAX_COLUMNS 64 /* of an outbox table; more is refused */

typedef enum PgoutputKind
{
	PGOUTPUT_BEGIN,
	PGOUTPUT_COMMIT,
	PGOUTPUT_RELATION,
	PGOUTPUT_INSERT,
	PGOUTPUT_MESSAGE,
	PGOUTPUT_OTHER /* origin, type, truncate, update, delete: checked for a known tag, not decoded */
} PgoutputKind;

typedef struct PgoutputColumn /* of a RELATION */
{
	const char *name;
	uint32_t type_oid;
} PgoutputColumn;

typedef struct PgoutputValue /* of an INSERT */
{
	char format;   /* 'n' null, 'u' unchanged toast, 't' text, 'b' binary */
	ByteView data; /* NULL data for 'n' and 'u' */
} PgoutputValue;

typedef struct PgoutputMessage
{
	PgoutputKind kind;
	char tag;
	union
	{
		struct
		{
			PgLsn commit_lsn; /* the manual's "final LSN" */
			PgUsec commit_time;
			uint32_t xid;
		} begin;
		struct
		{
			PgLsn commit_lsn;
			PgLsn end_lsn;
			PgUsec commit_time;
		} commit;
		struct
		{
			uint32_t oid;
			const char *schema;
			const char *name;
			int column_count;
			PgoutputColumn columns[PGOUTPUT_MAX_COLUMNS];
		} relation;
		struct
		{
			uint32_t oid;
			int value_count;
			PgoutputValue values[PGOUTPUT_MAX_COLUMNS];
		} insert;
		struct
		{
			bool transactional;
			PgLsn lsn;
			const char *prefix;
			ByteView content;
		} message;
	} u;
} PgoutputMessage;

extern MUST_CHECK bool pgoutput_decode(ByteView bytes, PgoutputMessage *message, Error *error);

#endif
