/*
 * stats.c
 *	  /healthz, /readyz, /status and /metrics of the relay.
 *
 * Refuses any method but GET and HEAD.  Only formats: the numbers are the
 * conductor's and the pump's.
 */
#include "stats.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void
print_gauge(Buffer *out, const char *name, const char *help, uint64_t value)
{
	metrics_family(out, name, "gauge", help);
	metrics_uint(out, name, "", value);
}

static void
print_counter(Buffer *out, const char *name, const char *help, uint64_t value)
{
	metrics_family(out, name, "counter", help);
	metrics_uint(out, name, "", value);
}

static double
lag_seconds(const RelayStatus *status)
{
	if (status->oldest_commit_time == 0)
		return 0;
	return (double) (clock_pg() - status->oldest_commit_time) / (double) USEC_PER_SEC;
}

/* What the server has that Kafka hasn't. */
static uint64_t
lag_bytes(const RelayStatus *status)
{
	PgLsn end = status->pump->server_end;

	return end > status->confirmed ? end - status->confirmed : 0;
}

/* Every reason from the start: an alarm on a rise needs a zero before it. */
static void
print_dead_letters(Buffer *out, const RelayStatus *status)
{
	metrics_family(out, "outbox_relay_events_dead_lettered_total", "counter",
				   "Events that went to outbox.dead_letter.");
	for (int i = 0; i < POISON_CAUSE_COUNT; i++)
	{
		Buffer labels;

		buffer_init(&labels, 64);
		metrics_label(&labels, "reason", poison_cause_name((PoisonCause) i));
		metrics_uint(out, "outbox_relay_events_dead_lettered_total", labels.data,
					 status->pump->dead_lettered[i]);
		buffer_free(&labels);
	}
	print_gauge(out, "outbox_relay_dead_letter_waiting",
				"1 while a dead letter can't be written: nothing is published.",
				status->dead_letter_waits);
}

static uint64_t
dead_letters(const RelayStatus *status)
{
	uint64_t count = 0;

	for (int i = 0; i < POISON_CAUSE_COUNT; i++)
		count += status->pump->dead_lettered[i];
	return count;
}

static void
print_metrics(Buffer *out, const RelayStatus *status, const char *version)
{
	const PumpStats *pump = status->pump;
	Buffer labels;

	buffer_init(&labels, 256);
	metrics_label(&labels, "version", version);
	metrics_family(out, "outbox_relay_build_info", "gauge", "Which outbox-relay this is.");
	metrics_uint(out, "outbox_relay_build_info", labels.data, 1);
	buffer_free(&labels);

	print_gauge(out, "outbox_relay_ready", "1 while streaming or standing by.", status->ready);
	print_gauge(out, "outbox_relay_streaming", "1 while streaming.",
				status->state == RELAY_STREAMING);
	print_gauge(out, "outbox_relay_kafka_cut_off", "1 while no broker answers.",
				status->kafka_cut_off);
	print_gauge(out, "outbox_relay_in_flight_events", "Events given to Kafka and not acknowledged.",
				status->in_flight);
	print_gauge(out, "outbox_relay_in_flight_bytes", "Bytes of those events.",
				status->in_flight_bytes);
	print_gauge(out, "outbox_relay_lag_bytes", "WAL of the server that isn't confirmed by Kafka.",
				lag_bytes(status));
	metrics_family(out, "outbox_relay_lag_seconds", "gauge",
				   "Age of the oldest event that Kafka hasn't acknowledged.");
	metrics_double(out, "outbox_relay_lag_seconds", "", lag_seconds(status));
	print_gauge(out, "outbox_relay_confirmed_lsn", "Kafka has everything up to this WAL position.",
				status->confirmed);
	print_gauge(out, "outbox_relay_mark_lsn", "The position that is committed to outbox.relay.",
				status->durable);
	print_counter(out, "outbox_relay_events_published_total", "Events given to the producer.",
				  pump->events_published);
	print_counter(out, "outbox_relay_events_delivered_total", "Events that Kafka acknowledged.",
				  pump->events_settled);
	print_counter(out, "outbox_relay_bytes_delivered_total", "Bytes of those events.",
				  pump->bytes_settled);
	print_counter(out, "outbox_relay_events_suppressed_total",
				  "Events that came again and were not published again.", pump->events_suppressed);
	print_counter(out, "outbox_relay_events_backfilled_total", "Rows from before the slot.",
				  status->backfilled);
	print_counter(out, "outbox_relay_transactions_total", "Transactions with events.",
				  pump->transactions);
	print_counter(out, "outbox_relay_deliveries_failed_total", "Failed delivery reports.",
				  pump->deliveries_failed);
	print_dead_letters(out, status);
	print_gauge(out, "outbox_relay_topics_grown",
				"Topics with more partitions than recorded: the new ones stay unused.",
				status->grown_topics);
	print_counter(out, "outbox_relay_marks_total", "Marks committed to outbox.relay.", pump->marks);
	print_counter(out, "outbox_relay_sessions_total", "Replication streams started.",
				  status->sessions);
	print_counter(out, "outbox_relay_producers_total", "Kafka producers made.", status->sinks);
	metrics_family(out, "outbox_relay_delivery_seconds", "histogram",
				   "From the commit of an event to Kafka's acknowledgement.");
	metrics_histogram(out, "outbox_relay_delivery_seconds", "", &pump->delivery_seconds);
}

static json_t *
lsn_json(PgLsn lsn)
{
	char text[LSN_TEXT_SIZE];

	lsn_format(lsn, text);
	return json_string(text);
}

static void
print_status(Buffer *out, const RelayStatus *status, const char *version)
{
	const PumpStats *pump = status->pump;
	char position[POSITION_TEXT_SIZE] = "";
	json_t *root;
	char *text;

	if (pump->last.commit_lsn != LSN_INVALID)
		position_format(status->source_id, &pump->last, position);
	root = json_pack(
		"{s:s, s:s, s:b, s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:I, s:I, s:I, s:f, s:s, s:I, s:I, "
		"s:I, s:b, s:I, s:b, s:i}",
		"version", version, "state", relay_state_name(status->state), "ready", status->ready,
		"slot", status->slot, "source_id", status->source_id, "generation",
		(int) status->generation, "timeline", (int) status->timeline, "confirmed_lsn",
		lsn_json(status->confirmed), "mark_lsn", lsn_json(status->durable), "server_lsn",
		lsn_json(pump->server_end), "lag_bytes", (json_int_t) lag_bytes(status), "in_flight_events",
		(json_int_t) status->in_flight, "in_flight_bytes", (json_int_t) status->in_flight_bytes,
		"lag_seconds", lag_seconds(status), "last_position", position, "events_delivered",
		(json_int_t) pump->events_settled, "sessions", (json_int_t) status->sessions,
		"slot_held_by_pid", (json_int_t) status->slot_pid, "kafka_cut_off", status->kafka_cut_off,
		"events_dead_lettered", (json_int_t) dead_letters(status), "dead_letter_waiting",
		status->dead_letter_waits, "topics_grown", (int) status->grown_topics);
	text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
	buffer_append_str(out, text != NULL ? text : "{}");
	buffer_append_str(out, "\n");
	free(text);
	json_decref(root);
}

bool
stats_serve(const char *method, const char *path, HttpResponse *response, void *arg)
{
	const StatsPages *pages = arg;
	RelayStatus status;

	if (strcmp(path, "/healthz") != 0 && strcmp(path, "/readyz") != 0 &&
		strcmp(path, "/status") != 0 && strcmp(path, "/metrics") != 0)
		return false;
	if (strcmp(method, "GET") != 0)
	{
		response->status = 405;
		return true;
	}
	relay_describe(pages->relay, &status);
	if (strcmp(path, "/healthz") == 0)
		buffer_append_str(&response->body, "ok\n");
	else if (strcmp(path, "/readyz") == 0)
	{
		response->status = status.ready ? 200 : 503;
		buffer_printf(&response->body, "%s\n",
					  status.ready ? relay_state_name(status.state) : status.reason);
	}
	else if (strcmp(path, "/status") == 0)
	{
		response->content_type = "application/json";
		print_status(&response->body, &status, pages->version);
	}
	else
	{
		response->content_type = "text/plain; version=0.0.4; charset=utf-8";
		print_metrics(&response->body, &status, pages->version);
	}
	return true;
}
