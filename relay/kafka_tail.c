/*
 * kafka_tail.c
 *	  The highest positions at the end of the recorded topics.
 *
 * Refuses nothing that it reads: records of other programs, without a position
 * or with one that doesn't parse, are passed over.
 *
 * Invariants: at most TAIL_RECORDS of each partition are looked at.
 */
#include "kafka_tail.h"

#include "kafka_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_RECORDS 8

struct KafkaTail
{
	KafkaScan *scan;
	char source_id[SOURCE_ID_MAX + 1];
	bool found;
	TailPosition highest;
};

static void
take_record(const ScannedRecord *record, void *arg)
{
	KafkaTail *tail = arg;
	char source_id[SOURCE_ID_MAX + 1];
	Position position;

	if (record->position.data == NULL ||
		!position_parse((const char *) record->position.data, record->position.len, source_id,
						&position) ||
		strcmp(source_id, tail->source_id) != 0)
		return;
	if (tail->found && position_compare(&position, &tail->highest.position) <= 0)
		return;
	tail->found = true;
	tail->highest.position = position;
	tail->highest.partition = record->partition;
	snprintf(tail->highest.topic, sizeof(tail->highest.topic), "%s", record->topic);
}

KafkaTail *
kafka_tail_open(const RelayConfig *config, const TopicMap *topics, const TopicMap *but,
				const char *source_id, Error *error)
{
	ScanFrom from = {.but = but, .tail = true, .tail_records = TAIL_RECORDS};
	KafkaTail *tail = calloc(1, sizeof(*tail));

	if (tail == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	snprintf(tail->source_id, sizeof(tail->source_id), "%s", source_id);
	tail->scan = kafka_scan_open(config, topics, &from, take_record, tail, error);
	if (tail->scan != NULL)
		return tail;
	free(tail);
	return NULL;
}

void
kafka_tail_free(KafkaTail *tail)
{
	if (tail == NULL)
		return;
	kafka_scan_free(tail->scan);
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

IoResult
kafka_tail_step(KafkaTail *tail, MonoUsec now, Error *error)
{
	return kafka_scan_step(tail->scan, now, error);
}
