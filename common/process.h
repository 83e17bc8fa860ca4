/*
 * process.h
 *	  What Prometheus's client libraries say of every process: memory, CPU time, descriptors,
 *	  start.  From /proc of Linux; what can't be read there is left out.
 */
#ifndef OUTBOX_COMMON_PROCESS_H
#define OUTBOX_COMMON_PROCESS_H

#include "metrics.h"

extern const MetricSpec process_metrics[]; /* ended by a NULL name */

extern void process_metrics_write(Buffer *out);

#endif
