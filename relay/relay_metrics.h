/*
 * relay_metrics.h
 *	  /metrics of the relay: the table of what there is, and its values.
 *
 * docs/metrics.md is made from the same table (--print-metrics).
 */
#ifndef OUTBOX_RELAY_RELAY_METRICS_H
#define OUTBOX_RELAY_RELAY_METRICS_H

#include "metrics.h"
#include "reload.h"
#include "relay.h"

extern const MetricSpec relay_metrics[]; /* ended by a NULL name */

extern void relay_metrics_write(Buffer *out, const RelayStatus *status, const ReloadInfo *reload);

#endif
