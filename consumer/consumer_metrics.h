/*
 * consumer_metrics.h
 *	  /metrics of the consumer: the table of what there is, and its values.
 *
 * docs/metrics.md is made from the same table (--print-metrics).
 */
#ifndef OUTBOX_CONSUMER_CONSUMER_METRICS_H
#define OUTBOX_CONSUMER_CONSUMER_METRICS_H

#include "consumer.h"
#include "metrics.h"

extern const MetricSpec consumer_metrics[]; /* ended by a NULL name */

extern void consumer_metrics_write(const Consumer *consumer, bool ready, Buffer *out);

#endif
