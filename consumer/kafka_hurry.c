/*
 * kafka_hurry.c
 *	  A question to the brokers for each half of a queue that was taken.
 *
 * Invariant: it blocks for ANSWER_MS at most, and at no time when records are few.
 */
#include "kafka_hurry.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_VERSION_WITHOUT 0x02020000
#define ANSWER_MS 1

static size_t
number(const rd_kafka_t *rk, const char *name)
{
	char value[32];
	size_t size = sizeof(value);

	if (rd_kafka_conf_get(rd_kafka_conf((rd_kafka_t *) rk), name, value, &size) != RD_KAFKA_CONF_OK)
		return 0;
	return strtoul(value, NULL, 10);
}

void
kafka_hurry_init(KafkaHurry *hurry, const rd_kafka_t *rk)
{
	memset(hurry, 0, sizeof(*hurry));
	if (rd_kafka_version() >= FIRST_VERSION_WITHOUT)
		return;
	hurry->half_bytes = number(rk, "queued.max.messages.kbytes") * 1024 / 2;
	hurry->half_records = number(rk, "queued.min.messages") / 2;
}

void
kafka_hurry_ask(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *begun)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(begun);

	/* A "time" of -1 asks for the next offset. */
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = RD_KAFKA_OFFSET_END;
	if (list->cnt > 0)
		(void) rd_kafka_offsets_for_times(rk, list, ANSWER_MS);
	rd_kafka_topic_partition_list_destroy(list);
}

void
kafka_hurry_took(KafkaHurry *hurry, size_t size, rd_kafka_t *rk,
				 const rd_kafka_topic_partition_list_t *begun)
{
	if (hurry->half_bytes == 0)
		return;
	hurry->bytes += size;
	hurry->records++;
	if (hurry->bytes < hurry->half_bytes && hurry->records < hurry->half_records)
		return;
	hurry->bytes = 0;
	hurry->records = 0;
	kafka_hurry_ask(rk, begun);
}
