/*
 * kafka_partition.c
 *	  Where an event goes within its topic: a pure function of what was routed.
 *
 * Refuses nothing.  librdkafka's partitioner looks neither at the topic's handle nor
 * at what the cluster has by now, so it is called without one.
 */
#include "kafka_partition.h"

#include <librdkafka/rdkafka.h>

int32_t
kafka_partition(const RoutedEvent *event)
{
	if (event->partition != PARTITION_BY_KEY)
		return event->partition;
	return rd_kafka_msg_partitioner_murmur2(NULL, event->partition_key.data,
											event->partition_key.len,
											(int32_t) event->partition_count, NULL, NULL);
}
