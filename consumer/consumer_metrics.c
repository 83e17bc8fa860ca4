/*
 * consumer_metrics.c
 *	  /metrics of the consumer.
 *
 * Refuses nothing; only formats.
 *
 * Invariants: every family of the table is written, in its order; labels with a known set of
 * values are there from the start.
 */
#include "consumer_metrics.h"

#include "consumer_intern.h"
#include "kafka_conf.h"
#include "process.h"
#include "version.h"

#include <stdio.h>

typedef enum ConsumerMetric
{
	METRIC_BUILD_INFO,
	METRIC_BREAKER_STATE,
	METRIC_BREAKER_MODE,
	METRIC_BREAKER_FAILURE_RATE,
	METRIC_BREAKER_SLOW_RATE,
	METRIC_BREAKER_TRANSITIONS,
	METRIC_LAG_RECORDS,
	METRIC_LAG_SECONDS,
	METRIC_READY,
	METRIC_TARGET_CONNECTED,
	METRIC_PARTITIONS,
	METRIC_PAUSED,
	METRIC_PAUSED_SECONDS,
	METRIC_PARKED_RECORDS,
	METRIC_WAITING_RECORDS,
	METRIC_RECEIVED_RECORDS,
	METRIC_APPLIED_EVENTS,
	METRIC_DUPLICATE_EVENTS,
	METRIC_DEAD_LETTERED_EVENTS,
	METRIC_DEAD_LETTER_WAITING,
	METRIC_BATCHES,
	METRIC_RETRIES,
	METRIC_UNKNOWN_COMMITS,
	METRIC_LOST_PROGRESS,
	METRIC_CONNECTS,
	METRIC_REBALANCES,
	METRIC_PAUSES,
	METRIC_STALLS,
	METRIC_RENEWALS,
	METRIC_BATCH_RECORDS,
	METRIC_BATCH_SECONDS,
	METRIC_EVENT_SECONDS
} ConsumerMetric;

const MetricSpec consumer_metrics[] = {
	[METRIC_BUILD_INFO] = {"outbox_consumer_build_info", "gauge", "version, librdkafka",
						   "1, for its labels: which outbox-consumer this is, with which library."},
	[METRIC_BREAKER_STATE] = {"circuit_breaker_state", "gauge", "",
							  "State of the circuit breaker: 0 closed, 1 half-open, 2 open."},
	[METRIC_BREAKER_MODE] = {"outbox_consumer_breaker_mode", "gauge",
							 "mode (auto, forced-open, disabled)",
							 "1 for the mode that the circuit breaker is in, 0 for the others."},
	[METRIC_BREAKER_FAILURE_RATE] =
		{"outbox_consumer_breaker_failure_rate", "gauge", "",
		 "Share of the calls in the circuit breaker's window that failed, 0 to 1; no sample with "
		 "fewer calls than breaker.window_calls."},
	[METRIC_BREAKER_SLOW_RATE] = {"outbox_consumer_breaker_slow_rate", "gauge", "",
								  "Share of the calls in that window that took "
								  "breaker.slow_duration or longer; no sample as before."},
	[METRIC_BREAKER_TRANSITIONS] =
		{"outbox_consumer_breaker_transitions_total", "counter",
		 "from, to (closed, half-open, open)",
		 "Transitions of the circuit breaker, by the states that it left and came to."},
	[METRIC_LAG_RECORDS] =
		{"outbox_consumer_lag_records", "gauge", "topic, partition",
		 "Records of a partition that are in Kafka and not in the target; no sample "
		 "until the target was asked where it is."},
	[METRIC_LAG_SECONDS] =
		{"outbox_consumer_lag_seconds", "gauge", "",
		 "Age of the oldest event that was read and isn't applied; without one, the time "
		 "since there are records that aren't read. No sample while it isn't known: until the "
		 "target was asked."},
	[METRIC_READY] = {"outbox_consumer_ready", "gauge", "",
					  "1 when events can flow: what /readyz says."},
	[METRIC_TARGET_CONNECTED] = {"outbox_consumer_target_connected", "gauge", "",
								 "1 while there is a session in the target."},
	[METRIC_PARTITIONS] = {"outbox_consumer_partitions", "gauge", "", "Partitions that are read."},
	[METRIC_PAUSED] = {"outbox_consumer_paused", "gauge", "", "1 while partitions are paused."},
	[METRIC_PAUSED_SECONDS] = {"outbox_consumer_paused_seconds_total", "counter", "",
							   "Time for which partitions were paused."},
	[METRIC_PARKED_RECORDS] =
		{"outbox_consumer_parked_records", "gauge", "",
		 "Records that wait because the circuit breaker is open, in Kafka and "
		 "in memory; 0 while it isn't."},
	[METRIC_WAITING_RECORDS] = {"outbox_consumer_waiting_records", "gauge", "",
								"Records in memory that aren't applied."},
	[METRIC_RECEIVED_RECORDS] = {"outbox_consumer_received_records_total", "counter", "",
								 "Records taken from Kafka."},
	[METRIC_APPLIED_EVENTS] = {"outbox_consumer_applied_events_total", "counter", "",
							   "Events whose handlers were committed."},
	[METRIC_DUPLICATE_EVENTS] = {"outbox_consumer_duplicate_events_total", "counter",
								 "reason (position, id)",
								 "Repetitions that were dropped, by what they were known by."},
	[METRIC_DEAD_LETTERED_EVENTS] =
		{"outbox_consumer_dead_lettered_events_total", "counter", "handler",
		 "Events that became dead letters, by the handler that couldn't apply them; \"\" when "
		 "the target didn't tell."},
	[METRIC_DEAD_LETTER_WAITING] =
		{"outbox_consumer_dead_letter_waiting", "gauge", "",
		 "1 while a dead letter has no place yet: what is behind it waits."},
	[METRIC_BATCHES] = {"outbox_consumer_batches_total", "counter", "",
						"Transactions committed in the target."},
	[METRIC_RETRIES] = {"outbox_consumer_retries_total", "counter",
						"class (infrastructure, transient, data, configuration, fenced)",
						"Failures of the target after which it was tried again, by class."},
	[METRIC_UNKNOWN_COMMITS] =
		{"outbox_consumer_unknown_commits_total", "counter", "",
		 "Partitions whose progress shows that a commit without an answer was done."},
	[METRIC_LOST_PROGRESS] =
		{"outbox_consumer_lost_progress_records_total", "counter", "",
		 "Records that were applied and that the target of a later session lacked (a standby that "
		 "was promoted, a copy that was put back); they are read and applied again."},
	[METRIC_CONNECTS] = {"outbox_consumer_connects_total", "counter", "",
						 "Connections made to the target."},
	[METRIC_REBALANCES] = {"outbox_consumer_rebalances_total", "counter", "",
						   "Assignments and revocations of the group."},
	[METRIC_PAUSES] = {"outbox_consumer_pauses_total", "counter", "",
					   "Times that partitions were paused."},
	[METRIC_STALLS] = {"outbox_consumer_stalls_total", "counter", "",
					   "Times that a partition with records gave none for long and was read anew."},
	[METRIC_RENEWALS] = {"outbox_consumer_renewals_total", "counter", "",
						 "Times that a client left the group for a new one, because a topic went "
						 "or was made again, "
						 "which librdkafka 2.4 to 2.9 loses for good."},
	[METRIC_BATCH_RECORDS] = {"outbox_consumer_batch_records", "histogram", "",
							  "Records of a transaction."},
	[METRIC_BATCH_SECONDS] = {"outbox_consumer_batch_seconds", "histogram", "",
							  "Time that a transaction took."},
	[METRIC_EVENT_SECONDS] =
		{"outbox_consumer_event_seconds", "histogram", "",
		 "Time from an event's own time to its commit in the target, of each that was applied."},
	{NULL, NULL, NULL, NULL},
};

static void
describe(Buffer *out, ConsumerMetric metric)
{
	metrics_describe(out, &consumer_metrics[metric]);
}

static void
number(Buffer *out, ConsumerMetric metric, uint64_t value)
{
	describe(out, metric);
	metrics_uint(out, consumer_metrics[metric].name, "", value);
}

static void
labelled(Buffer *out, ConsumerMetric metric, const char *label, const char *label_value,
		 uint64_t value)
{
	Buffer labels;

	buffer_init(&labels, 256);
	metrics_label(&labels, label, label_value);
	metrics_uint(out, consumer_metrics[metric].name, labels.data, value);
	buffer_free(&labels);
}

static void
histogram(Buffer *out, ConsumerMetric metric, const Histogram *values)
{
	describe(out, metric);
	metrics_histogram(out, consumer_metrics[metric].name, "", values);
}

static void
write_build_info(Buffer *out)
{
	Buffer labels;

	buffer_init(&labels, 256);
	metrics_label(&labels, "version", OUTBOX_VERSION);
	metrics_label(&labels, "librdkafka", kafka_library_version());
	describe(out, METRIC_BUILD_INFO);
	metrics_uint(out, consumer_metrics[METRIC_BUILD_INFO].name, labels.data, 1);
	buffer_free(&labels);
}

static void
write_lag(const Consumer *consumer, Buffer *out)
{
	double seconds = consumer_lag_seconds(consumer);

	describe(out, METRIC_LAG_RECORDS);
	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		const Partition *partition = &consumer->partitions.items[slot];
		int64_t lag = partition_lag(partition);
		char partition_text[16];
		Buffer labels;

		if (partition->state == PARTITION_FREE || lag < 0)
			continue;
		snprintf(partition_text, sizeof(partition_text), "%d", partition->partition);
		buffer_init(&labels, 1024);
		metrics_label(&labels, "topic", partition->topic);
		metrics_label(&labels, "partition", partition_text);
		metrics_uint(out, consumer_metrics[METRIC_LAG_RECORDS].name, labels.data, (uint64_t) lag);
		buffer_free(&labels);
	}
	describe(out, METRIC_LAG_SECONDS);
	if (seconds >= 0)
		metrics_double(out, consumer_metrics[METRIC_LAG_SECONDS].name, "", seconds);
}

static void
write_letters(const Consumer *consumer, Buffer *out)
{
	const Handlers *handlers = consumer->handlers;

	describe(out, METRIC_DEAD_LETTERED_EVENTS);
	for (int i = 0; i <= handlers->count; i++)
		labelled(out, METRIC_DEAD_LETTERED_EVENTS, "handler",
				 i < handlers->count ? handlers->items[i].name : "", consumer->dead_lettered[i]);
	number(out, METRIC_DEAD_LETTER_WAITING, consumer_any_letter_waits(consumer));
}

static void
write_stats(const Consumer *consumer, Buffer *out)
{
	const Stats *stats = &consumer->stats;

	number(out, METRIC_RECEIVED_RECORDS, stats->received);
	number(out, METRIC_APPLIED_EVENTS, stats->applied);
	describe(out, METRIC_DUPLICATE_EVENTS);
	labelled(out, METRIC_DUPLICATE_EVENTS, "reason", "position", stats->duplicates - stats->known);
	labelled(out, METRIC_DUPLICATE_EVENTS, "reason", "id", stats->known);
	write_letters(consumer, out);
	number(out, METRIC_BATCHES, stats->batches);
	describe(out, METRIC_RETRIES);
	for (int i = 0; i < FAILURE_CLASSES; i++)
		labelled(out, METRIC_RETRIES, "class", failure_class_name((FailureClass) i),
				 stats->failures[i]);
	number(out, METRIC_UNKNOWN_COMMITS, stats->unknown_commits);
	number(out, METRIC_LOST_PROGRESS, stats->lost_records);
	number(out, METRIC_CONNECTS, stats->connects);
	number(out, METRIC_REBALANCES, stats->rebalances);
	number(out, METRIC_PAUSES, stats->pauses);
	number(out, METRIC_STALLS, stats->stalls);
	number(out, METRIC_RENEWALS, stats->renewals);
	histogram(out, METRIC_BATCH_RECORDS, &stats->batch_records);
	histogram(out, METRIC_BATCH_SECONDS, &stats->batch_seconds);
	histogram(out, METRIC_EVENT_SECONDS, &stats->event_seconds);
}

static uint64_t
parked_records(const Consumer *consumer)
{
	uint64_t records = 0;

	if (consumer->breaker.state != BREAKER_OPEN)
		return 0;
	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		int64_t lag = consumer->partitions.items[slot].state == PARTITION_FREE
						  ? 0
						  : partition_lag(&consumer->partitions.items[slot]);

		records += lag > 0 ? (uint64_t) lag : 0;
	}
	return records;
}

/* The ways that there are. */
static void
write_transitions(const Breaker *breaker, Buffer *out)
{
	static const BreakerState ways[][2] = {{BREAKER_CLOSED, BREAKER_OPEN},
										   {BREAKER_OPEN, BREAKER_HALF_OPEN},
										   {BREAKER_OPEN, BREAKER_CLOSED},
										   {BREAKER_HALF_OPEN, BREAKER_OPEN},
										   {BREAKER_HALF_OPEN, BREAKER_CLOSED}};

	describe(out, METRIC_BREAKER_TRANSITIONS);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
	{
		Buffer labels;

		buffer_init(&labels, 256);
		metrics_label(&labels, "from", breaker_state_name(ways[i][0]));
		metrics_label(&labels, "to", breaker_state_name(ways[i][1]));
		metrics_uint(out, consumer_metrics[METRIC_BREAKER_TRANSITIONS].name, labels.data,
					 breaker->transitions[ways[i][0]][ways[i][1]]);
		buffer_free(&labels);
	}
}

static void
write_rate(Buffer *out, ConsumerMetric metric, double percent)
{
	describe(out, metric);
	if (percent >= 0)
		metrics_double(out, consumer_metrics[metric].name, "", percent / 100);
}

static void
write_breaker(const Breaker *breaker, MonoUsec now, Buffer *out)
{
	BreakerCounts window = breaker_window(breaker, now);

	number(out, METRIC_BREAKER_STATE, (uint64_t) breaker->state);
	describe(out, METRIC_BREAKER_MODE);
	for (int i = 0; i < BREAKER_MODES; i++)
		labelled(out, METRIC_BREAKER_MODE, "mode", breaker_mode_name((BreakerMode) i),
				 breaker->mode == (BreakerMode) i);
	write_rate(out, METRIC_BREAKER_FAILURE_RATE, breaker_rate(breaker, &window, window.failures));
	write_rate(out, METRIC_BREAKER_SLOW_RATE, breaker_rate(breaker, &window, window.slow));
	write_transitions(breaker, out);
}

void
consumer_metrics_write(const Consumer *consumer, bool ready, Buffer *out)
{
	TargetState state = consumer_target_state(consumer);

	write_build_info(out);
	write_breaker(&consumer->breaker, consumer->now, out);
	write_lag(consumer, out);
	number(out, METRIC_READY, ready);
	number(out, METRIC_TARGET_CONNECTED, state == TARGET_IDLE || state == TARGET_BUSY);
	number(out, METRIC_PARTITIONS,
		   (uint64_t) partitions_count(&consumer->partitions, PARTITION_ACTIVE));
	number(out, METRIC_PAUSED, consumer_is_paused(consumer));
	describe(out, METRIC_PAUSED_SECONDS);
	metrics_double(out, consumer_metrics[METRIC_PAUSED_SECONDS].name, "",
				   (double) consumer->stats.paused_usec / USEC_PER_SEC);
	number(out, METRIC_PARKED_RECORDS, parked_records(consumer));
	number(out, METRIC_WAITING_RECORDS, consumer_waiting(consumer));
	write_stats(consumer, out);
	process_metrics_write(out);
}
