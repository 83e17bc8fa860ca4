/*
 * kafka_check.c
 *	  Whether a topic holds each event, once, and each partition in order.
 *
 * Refuses records that say no number, or one that nobody sent.
 */
#include "commands.h"
#include "exit_codes.h"
#include "kafka_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PARTITIONS_MAX 64

typedef struct Look
{
	uint64_t events;
	uint8_t *there; /* one for each event */
	uint64_t found;
	uint64_t twice;
	uint64_t disordered;
	uint64_t bytes;	  /* of values */
	int64_t first_ms; /* the brokers' time, when the topic is so configured */
	int64_t last_ms;
	uint64_t next[PARTITIONS_MAX]; /* the least number that may come in order */
} Look;

static bool
take(const rd_kafka_message_t *message, void *arg, Error *error)
{
	Look *look = arg;
	uint64_t number = kafka_event_number(message);
	int64_t at = rd_kafka_message_timestamp(message, NULL);

	if (number >= look->events || message->partition >= PARTITIONS_MAX)
		return error_permanent(error, EXIT_DATA, "a strange record at offset %" PRId64,
							   message->offset);
	if (look->found == 0 || at < look->first_ms)
		look->first_ms = at;
	if (at > look->last_ms)
		look->last_ms = at;
	look->found++;
	look->bytes += message->len;
	look->twice += look->there[number];
	look->there[number] = 1;
	look->disordered += number < look->next[message->partition];
	look->next[message->partition] = number + 1;
	return true;
}

bool
command_check(char **args, Error *error)
{
	Look look = {.events = strtoull(args[2], NULL, 10)};
	uint64_t missing = 0;
	bool ok;

	look.there = calloc(look.events > 0 ? look.events : 1, 1);
	if (look.there == NULL)
		return error_bug(error, "out of memory");
	ok = kafka_read(args[0], args[1], take, &look, error);
	for (uint64_t i = 0; i < look.events; i++)
		missing += look.there[i] == 0;
	free(look.there);
	if (!ok)
		return false;
	printf("{\"events\": %" PRIu64 ", \"missing\": %" PRIu64 ", \"twice\": %" PRIu64
		   ", \"disordered\": %" PRIu64 ", \"value_bytes\": %" PRIu64 ", \"first_ms\": %" PRId64
		   ", \"last_ms\": %" PRId64 "}\n",
		   look.found, missing, look.twice, look.disordered, look.bytes, look.first_ms,
		   look.last_ms);
	return true;
}
