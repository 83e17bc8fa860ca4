/*
 * relay_metrics.c
 *	  /metrics of the relay.
 *
 * Refuses nothing; only formats.
 *
 * Invariants: every family of the table is written, in its order, whatever is known: a value
 * that isn't known has no sample, and never an old one; labels are there from the start, for an
 * alarm on a rise needs a zero before it.
 */
#include "relay_metrics.h"

#include "kafka_conf.h"
#include "pg_link.h"
#include "process.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

#define PG_VERSION_SIZE 24

typedef enum RelayMetric
{
	BUILD_INFO,
	RELAY_INFO,
	POSTGRES_INFO,
	READY,
	STATE,
	ROLE,
	STREAMING,
	PEER_UP,
	KAFKA_CUT_OFF,
	LAG_BYTES,
	LAG_SECONDS,
	IN_FLIGHT_EVENTS,
	IN_FLIGHT_BYTES,
	CONFIRMED_LSN,
	MARK_LSN,
	EVENTS_READ,
	TRANSACTIONS_READ,
	EVENTS_PUBLISHED,
	TRANSACTIONS_PUBLISHED,
	EVENTS_DELIVERED,
	TRANSACTIONS_DELIVERED,
	BYTES_DELIVERED,
	EVENTS_SUPPRESSED,
	EVENTS_BACKFILLED,
	EVENTS_DEAD_LETTERED,
	DEAD_LETTER_WAITING,
	DELIVERIES_FAILED,
	DELIVERY_SECONDS,
	REPLICATION_DELAY,
	MARKS,
	SESSIONS,
	PRODUCERS,
	KAFKA_COMMITS,
	TRANSACTIONS_SPLIT,
	FENCED,
	RECONNECTS,
	ERRORS,
	SLOT_WAL_STATUS,
	SLOT_SAFE_WAL,
	SLOT_RETAINED_WAL,
	SLOT_UNCONFIRMED_WAL,
	OPEN_GAP,
	GROWN_TOPICS,
	RELOAD_SUCCESSFUL,
	RELOAD_TIMESTAMP
} RelayMetric;

#define REASONS                                                                                    \
	"reason (too_large, forbidden_topic, unknown_topic, invalid_topic, invalid_headers, "          \
	"missing_field, invalid_partition, invalid_timestamp, no_event, refused)"
#define STATES                                                                                     \
	"state (connecting, checking, standing_by, identifying, settling, comparing, backfilling, "    \
	"starting, streaming, draining, marking, closing, waiting, stopped)"

const MetricSpec relay_metrics[] = {
	[BUILD_INFO] = {"outbox_relay_build_info", "gauge", "version, librdkafka, libpq",
					"1, for its labels: which outbox-relay this is, with which libraries."},
	[RELAY_INFO] =
		{"outbox_relay_info", "gauge", "slot, source",
		 "1, for its labels: the slot that it reads, and the source id, empty until it is "
		 "known."},
	[POSTGRES_INFO] =
		{"outbox_relay_postgres_info", "gauge", "version",
		 "1, for its label: the version of the server that it was connected to last."},
	[READY] = {"outbox_relay_ready", "gauge", "",
			   "1 while streaming or standing by, also while Kafka is cut off: what /readyz says."},
	[STATE] = {"outbox_relay_state", "gauge", STATES, "1 for the state that it is in."},
	[ROLE] = {"outbox_relay_role", "gauge", "role (active, standby, none)",
			  "1 for what it is to its slot; none: not connected, or not known yet."},
	[STREAMING] = {"outbox_relay_streaming", "gauge", "", "1 while streaming."},
	[PEER_UP] = {"outbox_relay_peer_up", "gauge", "peer (postgres, kafka)",
				 "1 while the peer answers. A standby has nothing to do with Kafka: 0."},
	[KAFKA_CUT_OFF] = {"outbox_relay_kafka_cut_off", "gauge", "", "1 while no broker answers."},
	[LAG_BYTES] =
		{"outbox_relay_lag_bytes", "gauge", "",
		 "WAL of the server that Kafka hasn't, or that isn't decoded yet; of others, too. No "
		 "sample while the server can't be asked, and on a standby."},
	[LAG_SECONDS] =
		{"outbox_relay_lag_seconds", "gauge", "",
		 "Age of the oldest event that Kafka hasn't acknowledged, by its commit; the time "
		 "since the server was seen ahead; or, without a stream, since there was one that "
		 "had caught up: the highest of these. No sample on a standby."},
	[IN_FLIGHT_EVENTS] = {"outbox_relay_in_flight_events", "gauge", "",
						  "Events given to the producer and not acknowledged."},
	[IN_FLIGHT_BYTES] = {"outbox_relay_in_flight_bytes", "gauge", "", "Bytes of those events."},
	[CONFIRMED_LSN] = {"outbox_relay_confirmed_lsn", "gauge", "",
					   "Kafka has everything up to this WAL position."},
	[MARK_LSN] = {"outbox_relay_mark_lsn", "gauge", "",
				  "The WAL position that is committed to outbox.relay."},
	[EVENTS_READ] = {"outbox_relay_events_read_total", "counter", "",
					 "Events that came out of the replication stream, repetitions included."},
	[TRANSACTIONS_READ] = {"outbox_relay_transactions_read_total", "counter", "",
						   "Transactions of those events."},
	[EVENTS_PUBLISHED] = {"outbox_relay_events_published_total", "counter", "",
						  "Events given to the producer, those that go again included."},
	[TRANSACTIONS_PUBLISHED] = {"outbox_relay_transactions_published_total", "counter", "",
								"Transactions of which the last event was given to the producer."},
	[EVENTS_DELIVERED] = {"outbox_relay_events_delivered_total", "counter", "",
						  "Events that Kafka acknowledged."},
	[TRANSACTIONS_DELIVERED] = {"outbox_relay_transactions_delivered_total", "counter", "",
								"Transactions of which Kafka acknowledged every event, and those "
								"before."},
	[BYTES_DELIVERED] = {"outbox_relay_bytes_delivered_total", "counter", "",
						 "Bytes of the events that Kafka acknowledged."},
	[EVENTS_SUPPRESSED] =
		{"outbox_relay_events_suppressed_total", "counter", "",
		 "Events that the stream brought again and that were not published again."},
	[EVENTS_BACKFILLED] = {"outbox_relay_events_backfilled_total", "counter", "",
						   "Rows from before the slot that were published."},
	[EVENTS_DEAD_LETTERED] = {"outbox_relay_events_dead_lettered_total", "counter", REASONS,
							  "Events that went to outbox.dead_letter."},
	[DEAD_LETTER_WAITING] = {"outbox_relay_dead_letter_waiting", "gauge", "",
							 "1 while a dead letter can't be written: nothing is published."},
	[DELIVERIES_FAILED] = {"outbox_relay_deliveries_failed_total", "counter", "",
						   "Events that the producer gave back; they go again, or are poison."},
	[DELIVERY_SECONDS] = {"outbox_relay_delivery_seconds", "histogram", "",
						  "From the commit of an event to Kafka's acknowledgement."},
	[REPLICATION_DELAY] = {"outbox_relay_replication_delay_seconds", "histogram", "",
						   "From the commit of a transaction to its first event being read."},
	[MARKS] = {"outbox_relay_marks_total", "counter", "", "Marks committed to outbox.relay."},
	[SESSIONS] = {"outbox_relay_sessions_total", "counter", "", "Replication streams started."},
	[PRODUCERS] = {"outbox_relay_producers_total", "counter", "", "Kafka producers made."},
	[KAFKA_COMMITS] = {"outbox_relay_kafka_commits_total", "counter", "",
					   "Kafka transactions committed, with delivery = exactly-once."},
	[TRANSACTIONS_SPLIT] = {"outbox_relay_transactions_split_total", "counter", "",
							"PostgreSQL transactions that were too much for one of Kafka."},
	[FENCED] = {"outbox_relay_fenced_total", "counter", "",
				"Producers that another relay fenced off, or whose transaction Kafka gave up."},
	[RECONNECTS] = {"outbox_relay_reconnects_total", "counter", "peer (postgres, kafka)",
					"Times that a peer was reached again after it was lost."},
	[ERRORS] = {"outbox_relay_errors_total", "counter", "class (transient, permanent, bug)",
				"Errors that the relay met, by what it makes of them: try again, or stop."},
	[SLOT_WAL_STATUS] =
		{"outbox_relay_slot_wal_status", "gauge", "status (reserved, extended, unreserved, lost)",
		 "1 for the slot's wal_status. This and the next four are looked at every 10 s, "
		 "by the relay that has the slot: no sample on a standby, and while the server "
		 "can't be asked."},
	[SLOT_SAFE_WAL] =
		{"outbox_relay_slot_safe_wal_bytes", "gauge", "",
		 "WAL that may still be written before the slot can be lost (safe_wal_size). No "
		 "sample without max_slot_wal_keep_size."},
	[SLOT_RETAINED_WAL] = {"outbox_relay_slot_retained_wal_bytes", "gauge", "",
						   "WAL that is kept for the slot: from its restart_lsn to the end."},
	[SLOT_UNCONFIRMED_WAL] = {"outbox_relay_slot_unconfirmed_wal_bytes", "gauge", "",
							  "WAL behind the slot's confirmed_flush_lsn."},
	[OPEN_GAP] = {"outbox_relay_open_gap", "gauge", "",
				  "1 while a gap was accepted and isn't replayed."},
	[GROWN_TOPICS] = {"outbox_relay_topics_grown", "gauge", "",
					  "Topics with more partitions than recorded: the new ones stay unused until "
					  "outbox-relay repartition."},
	[RELOAD_SUCCESSFUL] = {"outbox_relay_config_last_reload_successful", "gauge", "",
						   "1 when the configuration was taken the last time that it was read."},
	[RELOAD_TIMESTAMP] = {"outbox_relay_config_last_reload_timestamp_seconds", "gauge", "",
						  "When it was read the last time, taken or not, in seconds since 1970."},
	{NULL, NULL, NULL, NULL},
};

static void
describe(Buffer *out, RelayMetric metric)
{
	metrics_describe(out, &relay_metrics[metric]);
}

static void
number(Buffer *out, RelayMetric metric, uint64_t value)
{
	describe(out, metric);
	metrics_uint(out, relay_metrics[metric].name, "", value);
}

static void
number_if(Buffer *out, RelayMetric metric, bool known, uint64_t value)
{
	describe(out, metric);
	if (known)
		metrics_uint(out, relay_metrics[metric].name, "", value);
}

static void
labelled(Buffer *out, RelayMetric metric, const char *label, const char *label_value,
		 uint64_t value)
{
	Buffer labels;

	buffer_init(&labels, 1024);
	metrics_label(&labels, label, label_value);
	metrics_uint(out, relay_metrics[metric].name, labels.data, value);
	buffer_free(&labels);
}

static void
write_info(Buffer *out, const RelayStatus *status)
{
	char version[PG_VERSION_SIZE];
	Buffer labels;

	buffer_init(&labels, 1024);
	metrics_label(&labels, "version", OUTBOX_VERSION);
	metrics_label(&labels, "librdkafka", kafka_library_version());
	metrics_label(&labels, "libpq", pg_library_version());
	describe(out, BUILD_INFO);
	metrics_uint(out, relay_metrics[BUILD_INFO].name, labels.data, 1);
	buffer_free(&labels);

	buffer_init(&labels, 1024);
	metrics_label(&labels, "slot", status->slot);
	metrics_label(&labels, "source", status->source_id);
	describe(out, RELAY_INFO);
	metrics_uint(out, relay_metrics[RELAY_INFO].name, labels.data, 1);
	buffer_free(&labels);

	describe(out, POSTGRES_INFO);
	snprintf(version, sizeof(version), "%d.%d", status->server_version / 10000,
			 status->server_version % 10000);
	if (status->server_version != 0)
		labelled(out, POSTGRES_INFO, "version", version, 1);
}

/* "standing by" as a label: standing_by */
static void
write_states(Buffer *out, const RelayStatus *status)
{
	number(out, READY, status->ready);
	describe(out, STATE);
	for (int i = 0; i < RELAY_STATES; i++)
	{
		char name[32];

		snprintf(name, sizeof(name), "%s", relay_state_name((RelayState) i));
		for (char *c = name; *c != '\0'; c++)
		{
			if (*c == ' ')
				*c = '_';
		}
		labelled(out, STATE, "state", name, (int) status->state == i);
	}
	describe(out, ROLE);
	for (int i = 0; i < RELAY_ROLES; i++)
		labelled(out, ROLE, "role", relay_role_name((RelayRole) i), (int) status->role == i);
	number(out, STREAMING, status->state == RELAY_STREAMING);
	describe(out, PEER_UP);
	for (int i = 0; i < RELAY_PEERS; i++)
		labelled(out, PEER_UP, "peer", relay_peer_name((RelayPeer) i), status->peer_up[i]);
	number(out, KAFKA_CUT_OFF, status->kafka_cut_off);
}

static void
write_lag(Buffer *out, const RelayStatus *status)
{
	number_if(out, LAG_BYTES, status->lag_bytes_known, status->lag_bytes);
	describe(out, LAG_SECONDS);
	if (status->lag_is_known)
		metrics_double(out, relay_metrics[LAG_SECONDS].name, "", status->lag_seconds);
	number(out, IN_FLIGHT_EVENTS, status->in_flight);
	number(out, IN_FLIGHT_BYTES, status->in_flight_bytes);
	number(out, CONFIRMED_LSN, status->confirmed);
	number(out, MARK_LSN, status->durable);
}

static void
write_events(Buffer *out, const RelayStatus *status)
{
	const PumpStats *pump = status->pump;

	number(out, EVENTS_READ, pump->events_read);
	number(out, TRANSACTIONS_READ, pump->transactions_read);
	number(out, EVENTS_PUBLISHED, pump->events_published);
	number(out, TRANSACTIONS_PUBLISHED, pump->transactions);
	number(out, EVENTS_DELIVERED, pump->events_settled);
	number(out, TRANSACTIONS_DELIVERED, status->transactions_settled);
	number(out, BYTES_DELIVERED, pump->bytes_settled);
	number(out, EVENTS_SUPPRESSED, pump->events_suppressed);
	number(out, EVENTS_BACKFILLED, status->backfilled);
	describe(out, EVENTS_DEAD_LETTERED);
	for (int i = 0; i < POISON_CAUSE_COUNT; i++)
		labelled(out, EVENTS_DEAD_LETTERED, "reason", poison_cause_name((PoisonCause) i),
				 pump->dead_lettered[i]);
	number(out, DEAD_LETTER_WAITING, status->dead_letter_waits);
	number(out, DELIVERIES_FAILED, pump->deliveries_failed);
	describe(out, DELIVERY_SECONDS);
	metrics_histogram(out, relay_metrics[DELIVERY_SECONDS].name, "", &pump->delivery_seconds);
	describe(out, REPLICATION_DELAY);
	metrics_histogram(out, relay_metrics[REPLICATION_DELAY].name, "", &pump->read_seconds);
}

static void
write_failures(Buffer *out, const RelayStatus *status)
{
	number(out, MARKS, status->pump->marks);
	number(out, SESSIONS, status->sessions);
	number(out, PRODUCERS, status->sinks);
	number(out, KAFKA_COMMITS, status->pump->kafka_commits);
	number(out, TRANSACTIONS_SPLIT, status->pump->transactions_split);
	number(out, FENCED, status->fenced);
	describe(out, RECONNECTS);
	for (int i = 0; i < RELAY_PEERS; i++)
		labelled(out, RECONNECTS, "peer", relay_peer_name((RelayPeer) i), status->recoveries[i]);
	describe(out, ERRORS);
	for (int i = ERROR_CLASS_TRANSIENT; i <= ERROR_CLASS_BUG; i++)
		labelled(out, ERRORS, "class", error_class_name((ErrorClass) i), status->errors[i]);
}

static void
write_slot(Buffer *out, const RelayStatus *status)
{
	static const char *const statuses[] = {"reserved", "extended", "unreserved", "lost"};
	const SlotFacts *slot = status->slot_facts;

	describe(out, SLOT_WAL_STATUS);
	for (size_t i = 0; slot != NULL && i < sizeof(statuses) / sizeof(statuses[0]); i++)
		labelled(out, SLOT_WAL_STATUS, "status", statuses[i],
				 strcmp(slot->wal_status, statuses[i]) == 0);
	number_if(out, SLOT_SAFE_WAL, slot != NULL && slot->safe_wal_size >= 0,
			  slot != NULL ? (uint64_t) slot->safe_wal_size : 0);
	number_if(out, SLOT_RETAINED_WAL, slot != NULL && slot->retained >= 0,
			  slot != NULL ? (uint64_t) slot->retained : 0);
	number_if(out, SLOT_UNCONFIRMED_WAL, slot != NULL && slot->unconfirmed >= 0,
			  slot != NULL ? (uint64_t) slot->unconfirmed : 0);
	number_if(out, OPEN_GAP, slot != NULL, slot != NULL && slot->gap_open);
	number(out, GROWN_TOPICS, status->grown_topics);
}

void
relay_metrics_write(Buffer *out, const RelayStatus *status, const ReloadInfo *reload)
{
	write_info(out, status);
	write_states(out, status);
	write_lag(out, status);
	write_events(out, status);
	write_failures(out, status);
	write_slot(out, status);
	number(out, RELOAD_SUCCESSFUL, reload->successful);
	describe(out, RELOAD_TIMESTAMP);
	metrics_double(out, relay_metrics[RELOAD_TIMESTAMP].name, "",
				   (double) reload->at / (double) USEC_PER_SEC);
	process_metrics_write(out);
}
