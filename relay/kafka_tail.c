/*
 * kafka_tail.c
 *	  The highest positions at the end of the recorded topics.
 *
 * Refuses nothing that it reads: records of other programs, without a position
 * or with one that doesn't parse, are passed over.
 *
 * Other sources write into the same topics, and replayed records have no position: where none of
 * the last records of a partition says anything of this source, more of them are read.
 *
 * Invariants: at most TAIL_RECORDS_MAX of each partition are looked at, unless all of a time are
 * asked for.
 */
#include "kafka_tail.h"

#include "failpoint.h"
#include "kafka_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_RECORDS 8
#define TAIL_GROWTH 32
#define TAIL_RECORDS_MAX (TAIL_RECORDS * TAIL_GROWTH * TAIL_GROWTH)
#define PLACES_GROW 64

typedef struct TailPlace
{
	uint32_t topic; /* in the map */
	uint32_t partition;
	bool ours;	/* one of them had a position of this source */
	bool again; /* the scan under way looks */
} TailPlace;

struct KafkaTail
{
	const RelayConfig *config;
	const TopicMap *topics;
	const TopicMap *but;
	KafkaScan *scan;
	int records; /* that the scan reads of a partition */
	int64_t since_ms;
	char source_id[SOURCE_ID_MAX + 1];
	TailPlace *places; /* of which something was read */
	int count;
	int room;
	int last; /* the place of the last record: the next is often of the same */
	bool no_memory;
	bool found;
	TailPosition highest;
};

static bool
is_place(const KafkaTail *tail, int i, uint32_t topic, uint32_t partition)
{
	return i < tail->count && tail->places[i].topic == topic &&
		   tail->places[i].partition == partition;
}

/* NULL: there is none yet. */
static TailPlace *
find_place(KafkaTail *tail, const char *topic, uint32_t partition)
{
	uint32_t index;
	uint32_t recorded;

	if (!topic_map_find(tail->topics, topic, &index, &recorded))
		return NULL;
	if (is_place(tail, tail->last, index, partition))
		return &tail->places[tail->last];
	for (tail->last = 0; tail->last < tail->count; tail->last++)
	{
		if (is_place(tail, tail->last, index, partition))
			return &tail->places[tail->last];
	}
	return NULL;
}

static TailPlace *
use_place(KafkaTail *tail, const char *topic, uint32_t partition)
{
	TailPlace *place = find_place(tail, topic, partition);
	uint32_t recorded;

	if (place != NULL)
		return place;
	if (tail->count == tail->room)
	{
		int room = tail->room == 0 ? PLACES_GROW : tail->room * 2;
		TailPlace *places = realloc(tail->places, (size_t) room * sizeof(*places));

		if (places == NULL)
			return NULL;
		tail->places = places;
		tail->room = room;
	}
	place = &tail->places[tail->count];
	*place = (TailPlace){.partition = partition};
	if (!topic_map_find(tail->topics, topic, &place->topic, &recorded))
		return NULL;
	tail->last = tail->count++;
	return place;
}

static void
take_record(const ScannedRecord *record, void *arg)
{
	KafkaTail *tail = arg;
	TailPlace *place = use_place(tail, record->topic, (uint32_t) record->partition);
	char source_id[SOURCE_ID_MAX + 1];
	Position position;

	if (place == NULL)
	{
		tail->no_memory = true;
		return;
	}
	if (record->position.data == NULL ||
		!position_parse((const char *) record->position.data, record->position.len, source_id,
						&position) ||
		strcmp(source_id, tail->source_id) != 0)
		return;
	place->ours = true;
	if (tail->found && position_compare(&position, &tail->highest.position) <= 0)
		return;
	tail->found = true;
	tail->highest.position = position;
	tail->highest.partition = record->partition;
	snprintf(tail->highest.topic, sizeof(tail->highest.topic), "%s", record->topic);
}

/* Of a further scan: those that told nothing, and have more. */
static bool
wants(const char *topic, uint32_t partition, void *arg)
{
	KafkaTail *tail = arg;
	const TailPlace *place = find_place(tail, topic, partition);

	return place != NULL && place->again;
}

static bool
scan_more(KafkaTail *tail, Error *error)
{
	/*
	 * All of a time is read by the first scan, further ones are about older records.
	 *
	 * What was ever written: for a reader of committed records a topic ends where the first open
	 * transaction begins, whoever's that is, and what is committed behind that is hidden.
	 */
	ScanFrom from = {.but = tail->but,
					 .uncommitted = true,
					 .tail_records = tail->records,
					 .since_ms = tail->count > 0 ? 0 : tail->since_ms};

	if (tail->count > 0)
		from.wants = wants;
	kafka_scan_free(tail->scan);
	tail->scan = kafka_scan_open(tail->config, tail->topics, &from, take_record, tail, error);
	return tail->scan != NULL;
}

KafkaTail *
kafka_tail_open(const RelayConfig *config, const TopicMap *topics, const TopicMap *but,
				const char *source_id, int64_t since_ms, Error *error)
{
	KafkaTail *tail = calloc(1, sizeof(*tail));

	if (tail == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	tail->config = config;
	tail->topics = topics;
	tail->but = but;
	tail->records = TAIL_RECORDS;
	tail->since_ms = since_ms;
	snprintf(tail->source_id, sizeof(tail->source_id), "%s", source_id);
	if (scan_more(tail, error))
		return tail;
	kafka_tail_free(tail);
	return NULL;
}

void
kafka_tail_free(KafkaTail *tail)
{
	if (tail == NULL)
		return;
	kafka_scan_free(tail->scan);
	free(tail->places);
	free(tail);
}

MonoUsec
kafka_tail_wake_at(const KafkaTail *tail)
{
	return kafka_scan_wake_at(tail->scan);
}

bool
kafka_tail_highest(const KafkaTail *tail, TailPosition *highest)
{
	*highest = tail->highest;
	return tail->found;
}

/* IO_OK: nothing is left to be looked at; IO_AGAIN: another scan was begun. */
static IoResult
look_further(KafkaTail *tail, Error *error)
{
	int hidden = 0;

	if (tail->records >= TAIL_RECORDS_MAX)
		return IO_OK;
	for (int i = 0; i < tail->count; i++)
	{
		TailPlace *place = &tail->places[i];

		place->again = !place->ours;
		hidden += place->again ? 1 : 0;
	}
	if (hidden == 0)
		return IO_OK;
	tail->records *= TAIL_GROWTH;
	return scan_more(tail, error) ? IO_AGAIN : IO_FAILED;
}

IoResult
kafka_tail_step(KafkaTail *tail, MonoUsec now, Error *error)
{
	IoResult io = kafka_scan_step(tail->scan, now, error);

	if (tail->no_memory)
	{
		error_bug(error, "out of memory");
		return IO_FAILED;
	}
	if (io == IO_OK && FAILPOINT_ERROR("tail-read", error))
		return IO_FAILED;
	return io == IO_OK ? look_further(tail, error) : io;
}
