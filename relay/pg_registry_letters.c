/*
 * pg_registry_letters.c
 *	  Dead letters, over the ordinary connection: one that is written, and the last one.
 *
 * Refuses nothing.
 *
 * Invariants: a receipt is made here alone, when the server has said that the row is
 * committed, or has shown it; a row is written once for each position.
 */
#include "pg_registry_intern.h"

#include "pg_registry_sql.h"

#include <libpq-fe.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_SIZE (SOURCE_ID_MAX + 1 + 10 + 1 + 1)

/* Numbers of parameters, from 0. */
#define PARAM_REASON 3
#define PARAM_TYPE 6
#define PARAM_KEY 7
#define PARAM_NAME 8
#define PARAM_PAYLOAD 9
#define PARAM_BYTES 10
#define PARAM_HEADERS 11
#define PARAM_COUNT 13

bool
registry_ask_last_letter(PgRegistry *registry)
{
	char prefix[PREFIX_SIZE];
	const char *params[] = {registry->slot, prefix};

	snprintf(prefix, sizeof(prefix), "%s/%u.", registry->facts.source_id,
			 registry->facts.generation);
	return registry_add_job(registry, REGISTRY_LAST_LETTER, SQL_LAST_DEAD_LETTER, -1, params, 2);
}

void
registry_read_last_letter(PgRegistry *registry, const PGresult *result)
{
	RelayFacts *facts = &registry->facts;

	if (PQntuples(result) == 1)
		snprintf(facts->last_dead_letter, sizeof(facts->last_dead_letter), "%s",
				 PQgetvalue(result, 0, 0));
}

bool
registry_last_dead_letter(const PgRegistry *registry, DeadLetterReceipt *receipt)
{
	const char *text = registry->facts.last_dead_letter;
	char source_id[SOURCE_ID_MAX + 1];

	return text[0] != '\0' && position_parse(text, strlen(text), source_id, &receipt->position) &&
		   strcmp(source_id, registry->facts.source_id) == 0 &&
		   receipt->position.generation == registry->facts.generation;
}

DeadLetterReceipt
registry_receipt(const Job *job)
{
	return (DeadLetterReceipt){job->position};
}

static void
set_binary(Job *job, int param, ByteView view, bool *ok)
{
	job->params[param] = view_copy(view, ok);
	job->lengths[param] = view.len > INT_MAX ? INT_MAX : (int) view.len;
	job->formats[param] = 1;
}

static void
set_payload(Job *job, const OutboxEvent *event, bool *ok)
{
	bool bytes = event->payload_is_bytes;

	set_binary(job, PARAM_PAYLOAD, bytes ? (ByteView){NULL, 0} : event->payload, ok);
	set_binary(job, PARAM_BYTES, bytes ? event->payload : event->other_payload, ok);
}

/* What any database can hold. */
static void
keep_ascii(char *text)
{
	for (; *text != '\0'; text++)
	{
		if ((unsigned char) *text >= 0x80)
			*text = '?';
	}
}

/* Text as bytes: zero bytes among them, and what has no character here. */
static void
set_all_bytes(Job *job, const OutboxEvent *event, bool *ok)
{
	static const int texts[] = {PARAM_TYPE, PARAM_KEY, PARAM_NAME, PARAM_HEADERS};
	const ByteView views[] = {event->aggregate_type, event->aggregate_id, event->type,
							  event->headers};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		free(job->params[texts[i]]);
		set_binary(job, texts[i], views[i], ok);
	}
	keep_ascii(job->params[PARAM_REASON]);
}

static const char *
text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

bool
registry_dead_letter(PgRegistry *registry, const Poison *poison, LetterForm form)
{
	static const char *const statements[] = {
		[LETTER_AS_IT_IS] = SQL_DEAD_LETTER,
		[LETTER_PAYLOAD_AS_BYTES] = SQL_DEAD_LETTER_BYTES,
		[LETTER_RAW] = SQL_DEAD_LETTER_RAW,
		[LETTER_BYTES] = SQL_DEAD_LETTER_ALL_BYTES,
	};
	const OutboxEvent *event = &poison->event;
	char position[POSITION_TEXT_SIZE];
	char id[UUID_TEXT_SIZE];
	char created_at[24];
	bool ok = true;
	char *type = view_copy(event->aggregate_type, &ok);
	char *key = view_copy(event->aggregate_id, &ok);
	char *name = view_copy(event->type, &ok);
	char *headers = view_copy(event->headers, &ok);
	const char *params[PARAM_COUNT] = {registry->slot,
									   position,
									   poison->has_topic ? poison->topic : NULL,
									   poison->error.message,
									   text_or_null(poison->error.code),
									   event->no_id ? NULL : id,
									   type,
									   key,
									   name,
									   NULL,
									   NULL,
									   headers,
									   event->created_at != 0 ? created_at : NULL};

	position_format(registry->facts.source_id, &event->position, position);
	uuid_format(event->id, id);
	snprintf(created_at, sizeof(created_at), "%lld", (long long) event->created_at);
	ok = ok && registry_add_job(registry, REGISTRY_DEAD_LETTER, statements[form], -1, params,
								PARAM_COUNT);
	free(type);
	free(key);
	free(name);
	free(headers);
	if (ok)
	{
		Job *job = &registry->jobs[(registry->first + registry->count - 1) % JOBS_MAX];

		job->position = event->position;
		set_payload(job, event, &ok);
		if (form == LETTER_BYTES)
			set_all_bytes(job, event, &ok);
		if (!ok)
		{
			registry_free_job(job);
			registry->count--;
		}
	}
	return ok;
}
