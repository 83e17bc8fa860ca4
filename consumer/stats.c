/*
 * stats.c
 *	  Counters as Prometheus text.
 */
#include "stats.h"

#include <string.h>

static const double record_bounds[] = {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};
static const double second_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
									   0.25,  0.5,	  1,	 2.5,  5,	  10};
static const double event_bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
									  1,	 2.5,  5,	  10,	30,	 60,   300};

#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))

void
stats_init(Stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	histogram_init(&stats->batch_records, record_bounds, LENGTH(record_bounds));
	histogram_init(&stats->batch_seconds, second_bounds, LENGTH(second_bounds));
	histogram_init(&stats->event_seconds, event_bounds, LENGTH(event_bounds));
}

static void
counter(Buffer *out, const char *name, const char *help, uint64_t value)
{
	metrics_family(out, name, "counter", help);
	metrics_uint(out, name, "", value);
}

static void
labelled(Buffer *out, const char *name, const char *label, const char *label_value, uint64_t value)
{
	Buffer labels;

	buffer_init(&labels, 256);
	metrics_label(&labels, label, label_value);
	metrics_uint(out, name, labels.data, value);
	buffer_free(&labels);
}

static void
histogram(Buffer *out, const char *name, const char *help, const Histogram *values)
{
	metrics_family(out, name, "histogram", help);
	metrics_histogram(out, name, "", values);
}

void
stats_write(const Stats *stats, Buffer *out)
{
	counter(out, "outbox_consumer_received_records_total", "Records taken from Kafka.",
			stats->received);
	counter(out, "outbox_consumer_applied_events_total", "Events whose handlers were committed.",
			stats->applied);
	counter(out, "outbox_consumer_duplicate_events_total",
			"Repetitions that were dropped by their position.", stats->duplicates);
	counter(out, "outbox_consumer_batches_total", "Transactions committed in the target.",
			stats->batches);
	metrics_family(out, "outbox_consumer_retries_total", "counter",
				   "Failures of the target after which it was tried again, by class.");
	for (int i = 0; i < FAILURE_CLASSES; i++)
		labelled(out, "outbox_consumer_retries_total", "class",
				 failure_class_name((FailureClass) i), stats->failures[i]);
	counter(out, "outbox_consumer_unknown_commits_total",
			"Commits whose outcome had to be read from the progress.", stats->unknown_commits);
	counter(out, "outbox_consumer_connects_total", "Connections made to the target.",
			stats->connects);
	counter(out, "outbox_consumer_rebalances_total", "Assignments and revocations of the group.",
			stats->rebalances);
	counter(out, "outbox_consumer_pauses_total", "Times that partitions were paused.",
			stats->pauses);
	counter(out, "outbox_consumer_stalls_total",
			"Times that a partition with records gave none for long and was read anew.",
			stats->stalls);
	metrics_family(out, "outbox_consumer_breaker_transitions_total", "counter",
				   "Transitions of the circuit breaker, by the state that it came to.");
	for (int i = 0; i < 3; i++)
		labelled(out, "outbox_consumer_breaker_transitions_total", "state",
				 breaker_state_name((BreakerState) i), stats->transitions[i]);
	histogram(out, "outbox_consumer_batch_records", "Records of a transaction.",
			  &stats->batch_records);
	histogram(out, "outbox_consumer_batch_seconds", "Time that a transaction took.",
			  &stats->batch_seconds);
	histogram(out, "outbox_consumer_event_seconds",
			  "Time from an event's own time to its commit in the target; one of each batch and "
			  "partition.",
			  &stats->event_seconds);
}
