/*
 * assemble.c
 *	  From decoded messages to outbox events within a transaction.
 *
 *				   BEGIN				 COMMIT
 *		  outside -------> transaction --------> outside
 *				   RELATION, foreign row or message: no change
 *				   row of outbox.event: EVENT, ordinal + 1
 *				   message of our prefix: EVENT when they are taken, ordinal + 1
 *				   heartbeat message: no change
 *
 * Refuses an order of messages that cannot be (BUG); an outbox.event that isn't
 * as it must be, and rows that come under a partition's own name, which would
 * otherwise be taken for foreign ones and be lost (PERMANENT, EXIT_PUBLICATION); and a
 * message of our prefix and of another version, when they are taken (PERMANENT,
 * EXIT_MESSAGE).  A row that is no event, such as one with two payloads, and a message
 * that can't be decoded are given on with their problem.
 *
 * Invariants: the ordinal counts the rows of outbox.event and the messages of our
 * prefix of the transaction from 0, taken or not; views borrow from the message, but for a bytea in text format, which is
 * decoded into a buffer that is used again for the next one.
 */
#include "assemble.h"
#include "buffer.h"
#include "exit_codes.h"
#include "failpoint.h"
#include "hex.h"
#include "message.h"
#include "relcache.h"

#include <stdlib.h>
#include <string.h>

#define JSONB_VERSION 1
#define DECODED_MAX ((size_t) 1 << 30)	/* what the server can send in one value */
#define DECODED_KEEP ((size_t) 1 << 20) /* more is given back after the event */

struct Assembler
{
	uint32_t generation;
	const TimelineHistory *timelines;
	Relcache relations;
	Buffer decoded; /* of a bytea in text format */
	bool in_transaction;
	PgLsn commit_lsn;
	PgUsec commit_time;
	uint32_t timeline;
	uint64_t next_ordinal;
	PgLsn messages_before; /* those of transactions that commit before it are events */
	Error problem;		   /* of the event that was given last */
};

Assembler *
assembler_create(uint32_t generation, const TimelineHistory *timelines)
{
	Assembler *assembler = calloc(1, sizeof(*assembler));

	if (assembler == NULL)
		return NULL;
	assembler->generation = generation;
	assembler->timelines = timelines;
	buffer_init(&assembler->decoded, DECODED_MAX);
	return assembler;
}

void
assembler_free(Assembler *assembler)
{
	if (assembler == NULL)
		return;
	buffer_free(&assembler->decoded);
	free(assembler);
}

void
assembler_reset(Assembler *assembler)
{
	relcache_reset(&assembler->relations);
	assembler->in_transaction = false;
}

void
assembler_take_messages(Assembler *assembler, PgLsn before)
{
	assembler->messages_before = before;
}

static bool
bug_at(const Assembler *assembler, const char *what, Error *error)
{
	char lsn[LSN_TEXT_SIZE];

	error_bug(error, "unexpected replication message: %s", what);
	if (!assembler->in_transaction)
		return false;
	lsn_format(assembler->commit_lsn, lsn);
	return error_detail(error, "In the transaction that commits at %s.", lsn);
}

/* The first of a row's problems counts. */
static void
set_problem(Assembler *assembler, OutboxEvent *event, const char *what)
{
	char lsn[LSN_TEXT_SIZE];

	if (event->problem != NULL)
		return;
	lsn_format(assembler->commit_lsn, lsn);
	error_permanent(&assembler->problem, EXIT_POISON, "a row of outbox.event is no event: %s",
					what);
	error_detail(&assembler->problem, "It is row %llu of the transaction that commits at %s.",
				 (unsigned long long) assembler->next_ordinal, lsn);
	event->problem = &assembler->problem;
}

static bool
decode_hex(ByteView text, Buffer *out)
{
	if (text.len % 2 != 0)
		return false;
	for (size_t i = 0; i < text.len; i += 2)
	{
		int high = hex_digit(text.data[i]);
		int low = hex_digit(text.data[i + 1]);

		if (high < 0 || low < 0)
			return false;
		buffer_append_u8(out, (uint8_t) (high << 4 | low));
	}
	return true;
}

/* bytea_output = escape: "\\" is a backslash, "\ooo" an octet, the rest itself. */
static bool
decode_escape(ByteView text, Buffer *out)
{
	for (size_t i = 0; i < text.len; i++)
	{
		const uint8_t *c = &text.data[i];
		size_t left = text.len - i;

		if (*c != '\\')
			buffer_append_u8(out, *c);
		else if (left >= 2 && c[1] == '\\')
		{
			buffer_append_u8(out, '\\');
			i += 1;
		}
		else if (left >= 4 && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' && c[2] <= '7' &&
				 c[3] >= '0' && c[3] <= '7')
		{
			buffer_append_u8(out, (uint8_t) ((c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0')));
			i += 3;
		}
		else
			return false;
	}
	return true;
}

static bool
take_bytea_text(Assembler *assembler, ByteView text, ByteView *out, Error *error)
{
	Buffer *decoded = &assembler->decoded;
	bool valid;

	if (decoded->capacity > DECODED_KEEP)
		buffer_free(decoded);
	buffer_reset(decoded);
	if (text.len >= 2 && text.data[0] == '\\' && text.data[1] == 'x')
		valid = decode_hex((ByteView){text.data + 2, text.len - 2}, decoded);
	else
		valid = decode_escape(text, decoded);
	if (!valid)
		return bug_at(assembler, "a bytea value that can't be read", error);
	if (decoded->failed)
		return error_bug(error, "out of memory");
	*out = buffer_view(decoded);
	return true;
}

/* NULL, and a column that the relation lacks, give a view without data. */
static bool
take_value(Assembler *assembler, const Relation *relation, const PgoutputMessage *message,
		   EventColumn column, ByteView *out, Error *error)
{
	const PgoutputValue *value;

	*out = (ByteView){NULL, 0};
	if (relation->position[column] < 0)
		return true;
	value = &message->u.insert.values[relation->position[column]];
	if (value->format == 'n')
		return true;
	if (value->format == 'u')
		return bug_at(assembler, "an inserted row without one of its values", error);
	*out = value->data;
	switch (relation->encoding[column])
	{
		case ENCODING_UUID:
		case ENCODING_PLAIN:
			return true;
		case ENCODING_JSONB:
			if (value->format == 't')
				return true;
			if (out->len < 1 || out->data[0] != JSONB_VERSION)
				return bug_at(assembler, "a jsonb value of unknown version", error);
			out->data++;
			out->len--;
			return true;
		case ENCODING_BYTEA:
			return value->format == 'b' || take_bytea_text(assembler, value->data, out, error);
	}
	return true;
}

static bool
take_id(Assembler *assembler, const Relation *relation, const PgoutputMessage *message,
		OutboxEvent *event, Error *error)
{
	char format = message->u.insert.values[relation->position[COLUMN_ID]].format;
	ByteView id;

	if (!take_value(assembler, relation, message, COLUMN_ID, &id, error))
		return false;
	if (id.data == NULL)
	{
		set_problem(assembler, event, "its id is null");
		event->no_id = true;
		return true;
	}
	if (format == 't')
		return uuid_parse((const char *) id.data, id.len, event->id) ||
			   bug_at(assembler, "a uuid that can't be read", error);
	if (id.len != UUID_SIZE)
		return bug_at(assembler, "a uuid of the wrong size", error);
	memcpy(event->id, id.data, UUID_SIZE);
	return true;
}

static bool
take_payload(Assembler *assembler, const Relation *relation, const PgoutputMessage *message,
			 OutboxEvent *event, Error *error)
{
	ByteView bytes;

	if (!take_value(assembler, relation, message, COLUMN_PAYLOAD, &event->payload, error) ||
		!take_value(assembler, relation, message, COLUMN_PAYLOAD_BYTES, &bytes, error))
		return false;
	if (bytes.data == NULL)
		return true;
	if (event->payload.data != NULL)
	{
		set_problem(assembler, event, "both payload and payload_bytes are set");
		event->other_payload = bytes;
		return true;
	}
	event->payload = bytes;
	event->payload_is_bytes = true;
	return true;
}

/* Only for whom it may concern: a value in text format, or of another type, is left out. */
static bool
take_created_at(Assembler *assembler, const Relation *relation, const PgoutputMessage *message,
				OutboxEvent *event, Error *error)
{
	ByteView value;
	Reader reader;

	if (!take_value(assembler, relation, message, COLUMN_CREATED_AT, &value, error))
		return false;
	if (value.data == NULL ||
		message->u.insert.values[relation->position[COLUMN_CREATED_AT]].format != 'b')
		return true;
	reader_init(&reader, value.data, value.len);
	event->created_at = (PgUsec) reader_u64(&reader);
	if (!reader_done(&reader))
		event->created_at = 0;
	return true;
}

static void
place_event(Assembler *assembler, Assembled *out)
{
	out->event.position = (Position){.generation = assembler->generation,
									 .timeline = assembler->timeline,
									 .commit_lsn = assembler->commit_lsn,
									 .ordinal = assembler->next_ordinal++};
	out->event.commit_time = assembler->commit_time;
	out->kind = ASSEMBLED_EVENT;
	out->commit_lsn = assembler->commit_lsn;
}

static bool
take_event(Assembler *assembler, const Relation *relation, const PgoutputMessage *message,
		   Assembled *out, Error *error)
{
	OutboxEvent *event = &out->event;

	*event = (OutboxEvent){0};
	if (!take_id(assembler, relation, message, event, error) ||
		!take_value(assembler, relation, message, COLUMN_AGGREGATE_TYPE, &event->aggregate_type,
					error) ||
		!take_value(assembler, relation, message, COLUMN_AGGREGATE_ID, &event->aggregate_id,
					error) ||
		!take_value(assembler, relation, message, COLUMN_TYPE, &event->type, error) ||
		!take_value(assembler, relation, message, COLUMN_HEADERS, &event->headers, error) ||
		!take_payload(assembler, relation, message, event, error) ||
		!take_created_at(assembler, relation, message, event, error))
		return false;
	if (event->aggregate_type.data == NULL)
		set_problem(assembler, event, "its aggregatetype is null");
	place_event(assembler, out);
	return true;
}

static bool
take_message_event(Assembler *assembler, ByteView content, Assembled *out, Error *error)
{
	Error *problem = &assembler->problem;
	char lsn[LSN_TEXT_SIZE];

	if (assembler->commit_lsn >= assembler->messages_before)
	{
		assembler->next_ordinal++;
		return true;
	}
	out->event = (OutboxEvent){0};
	if (!message_decode(content, &out->event, problem))
	{
		lsn_format(assembler->commit_lsn, lsn);
		error_detail(problem,
					 "It has %zu bytes and is event %llu of the transaction that commits at %s.",
					 content.len, (unsigned long long) assembler->next_ordinal, lsn);
		if (!message_has_known_version(content))
		{
			*error = *problem;
			return false;
		}
		/* What it is, for whoever finds out what it should be. */
		out->event = (OutboxEvent){
			.payload = content, .payload_is_bytes = true, .problem = problem, .no_id = true};
	}
	place_event(assembler, out);
	return true;
}

static bool
take_begin(Assembler *assembler, const PgoutputMessage *message, Assembled *out, Error *error)
{
	if (assembler->in_transaction)
		return bug_at(assembler, "BEGIN inside a transaction", error);
	assembler->in_transaction = true;
	assembler->commit_lsn = message->u.begin.commit_lsn;
	assembler->commit_time = message->u.begin.commit_time;
	assembler->timeline = timeline_of(assembler->timelines, assembler->commit_lsn);
	assembler->next_ordinal = 0;
	out->kind = ASSEMBLED_BEGIN;
	out->commit_lsn = assembler->commit_lsn;
	out->commit_time = assembler->commit_time;
	return true;
}

static bool
take_commit(Assembler *assembler, const PgoutputMessage *message, Assembled *out, Error *error)
{
	if (!assembler->in_transaction)
		return bug_at(assembler, "COMMIT outside a transaction", error);
	if (message->u.commit.commit_lsn != assembler->commit_lsn)
		return bug_at(assembler, "COMMIT of another transaction", error);
	assembler->in_transaction = false;
	out->kind = ASSEMBLED_COMMIT;
	out->commit_lsn = message->u.commit.commit_lsn;
	out->end_lsn = message->u.commit.end_lsn;
	out->commit_time = message->u.commit.commit_time;
	return true;
}

static bool
take_insert(Assembler *assembler, const PgoutputMessage *message, Assembled *out, Error *error)
{
	const Relation *relation = relcache_find(&assembler->relations, message->u.insert.oid);

	if (!assembler->in_transaction)
		return bug_at(assembler, "INSERT outside a transaction", error);
	if (relation == NULL)
		return bug_at(assembler, "INSERT for a relation that wasn't announced", error);
	if (message->u.insert.value_count != relation->column_count)
		return bug_at(assembler, "INSERT with another number of columns than its relation", error);
	if (relation->kind == RELATION_FOREIGN)
		return true;
	if (relation->kind == RELATION_LEAF)
	{
		error_permanent(error, EXIT_PUBLICATION,
						"a row of outbox.event was published under the name of its partition");
		return error_hint(error,
						  "The publication must have publish_via_partition_root = true: run "
						  "\"outbox-relay init\" to mend it. When it has, the slot holds rows "
						  "from before: drop it, then outbox-relay init --accept-gap, and "
						  "replay --gap.");
	}
	return take_event(assembler, relation, message, out, error);
}

static bool
take_message(Assembler *assembler, const PgoutputMessage *message, Assembled *out, Error *error)
{
	const char *prefix = message->u.message.prefix;
	bool is_event = strcmp(prefix, ENVELOPE_WAL_EVENT) == 0;

	if (!message->u.message.transactional ||
		(!is_event && strcmp(prefix, ENVELOPE_WAL_HEARTBEAT) != 0))
		return true;
	if (!assembler->in_transaction)
		return bug_at(assembler, "a transactional message outside a transaction", error);
	if (is_event)
		return take_message_event(assembler, message->u.message.content, out, error);
	return true; /* a heartbeat: whoever wrote it knows what it says (heartbeat.h) */
}

bool
assembler_take(Assembler *assembler, const PgoutputMessage *message, Assembled *out, Error *error)
{
	out->kind = ASSEMBLED_NOTHING;
	switch (message->kind)
	{
		case PGOUTPUT_BEGIN:
			return take_begin(assembler, message, out, error);
		case PGOUTPUT_COMMIT:
			return take_commit(assembler, message, out, error);
		case PGOUTPUT_RELATION:
			return relcache_take(&assembler->relations, message, error);
		case PGOUTPUT_INSERT:
			return !FAILPOINT_ERROR("event-assembled", error) &&
				   take_insert(assembler, message, out, error);
		case PGOUTPUT_MESSAGE:
			return take_message(assembler, message, out, error);
		case PGOUTPUT_OTHER:
			return true;
	}
	return true;
}
