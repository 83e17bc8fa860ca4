/*
 * kafka_partition.h
 *	  Where an event goes within its topic.
 */
#ifndef OUTBOX_RELAY_KAFKA_PARTITION_H
#define OUTBOX_RELAY_KAFKA_PARTITION_H

#include "route.h"

/*
 * The one that the event names, or murmur2 of the partition key over the recorded count, as
 * Java clients do it.
 */
extern int32_t kafka_partition(const RoutedEvent *event);

#endif
