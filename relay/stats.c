/*
 * stats.c
 *	  /healthz, /readyz, /status and /metrics of the relay.
 *
 * Refuses any method but GET and HEAD.  Only formats: the numbers are the
 * conductor's and the pump's.  A value that isn't known is null in /status.
 */
#include "stats.h"

#include "json_text.h"
#include "kafka_conf.h"
#include "pg_link.h"
#include "relay_metrics.h"
#include "version.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MESSAGE_MAX 150

static uint64_t
dead_letters(const RelayStatus *status)
{
	uint64_t count = 0;

	for (int i = 0; i < POISON_CAUSE_COUNT; i++)
		count += status->pump->dead_lettered[i];
	return count;
}

static json_t *
lsn_json(PgLsn lsn)
{
	char text[LSN_TEXT_SIZE];

	if (lsn == LSN_INVALID)
		return json_null();
	lsn_format(lsn, text);
	return json_string(text);
}

static json_t *
time_json(UnixUsec at)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(at, text);
	return json_string(text);
}

static json_t *
size_json(bool known, int64_t value)
{
	return known && value >= 0 ? json_integer(value) : json_null();
}

static json_t *
text_json(const char *text)
{
	return text[0] != '\0' ? json_text(text) : json_null();
}

static json_t *
error_json(const RelayStatus *status)
{
	const Error *error = status->last_error;

	if (error->error_class == ERROR_CLASS_NONE)
		return json_null();
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "at", time_json(status->last_error_at),
					 "class", error_class_name(error->error_class), "message",
					 json_text(error->message), "sqlstate", text_json(error->sqlstate), "code",
					 text_json(error->code), "detail", text_json(error->detail), "hint",
					 text_json(error->hint));
}

static json_t *
slot_json(const RelayStatus *status)
{
	const SlotFacts *slot = status->slot_facts;

	if (slot == NULL)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:b}", "wal_status", text_json(slot->wal_status),
					 "safe_wal_size", size_json(true, slot->safe_wal_size), "retained_bytes",
					 size_json(true, slot->retained), "unconfirmed_bytes",
					 size_json(true, slot->unconfirmed), "open_gap", slot->gap_open);
}

static json_t *
counters_json(const RelayStatus *status)
{
	const PumpStats *pump = status->pump;

	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "events_read",
		(json_int_t) pump->events_read, "transactions_read", (json_int_t) pump->transactions_read,
		"events_published", (json_int_t) pump->events_published, "events_delivered",
		(json_int_t) pump->events_settled, "transactions_delivered",
		(json_int_t) status->transactions_settled, "bytes_delivered",
		(json_int_t) pump->bytes_settled, "events_suppressed", (json_int_t) pump->events_suppressed,
		"events_backfilled", (json_int_t) status->backfilled, "events_dead_lettered",
		(json_int_t) dead_letters(status), "deliveries_failed",
		(json_int_t) pump->deliveries_failed, "marks", (json_int_t) pump->marks);
}

static json_t *
versions_json(const RelayStatus *status)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "outbox_relay", OUTBOX_VERSION, "librdkafka",
					 kafka_library_version(), "libpq", pg_library_version(), "server_version_num",
					 size_json(status->server_version != 0, status->server_version));
}

static json_t *
config_json(const StatsPages *pages)
{
	const ReloadInfo *reload = pages->reload;
	OptionCounts counts = options_count(pages->options);

	return json_pack("{s:o, s:b, s:I, s:o, s:{s:i, s:i, s:i, s:i}}", "last_read",
					 time_json(reload->at), "last_reload_successful", reload->successful, "reloads",
					 (json_int_t) reload->count, "last_problem", text_json(reload->problem),
					 "settings", "default", counts.defaults, "file", counts.file, "environment",
					 counts.env, "command_line", counts.args);
}

static void
print_status(Buffer *out, const StatsPages *pages, const RelayStatus *status)
{
	const PumpStats *pump = status->pump;
	char position[POSITION_TEXT_SIZE] = "";
	char line[STATS_LINE_SIZE];
	json_t *root;
	char *text;

	stats_line(status, line);
	if (pump->last.commit_lsn != LSN_INVALID)
		position_format(status->source_id, &pump->last, position);
	root = json_pack(
		"{s:s, s:s, s:s, s:s, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, "
		"s:I, "
		"s:I, s:o, s:b, s:b, s:I, s:b, s:I}",
		"version", OUTBOX_VERSION, "state", relay_state_name(status->state), "summary", line,
		"role", relay_role_name(status->role), "ready", status->ready, "slot", status->slot,
		"source_id", text_json(status->source_id), "generation",
		size_json(status->generation != 0, status->generation), "timeline",
		size_json(status->timeline != 0, status->timeline), "confirmed_lsn",
		lsn_json(status->confirmed), "mark_lsn", lsn_json(status->durable), "server_lsn",
		lsn_json(pump->server_end), "lag_bytes",
		size_json(status->lag_bytes_known, (int64_t) status->lag_bytes), "lag_seconds",
		status->lag_is_known ? json_real(status->lag_seconds) : json_null(), "in_flight_events",
		(json_int_t) status->in_flight, "in_flight_bytes", (json_int_t) status->in_flight_bytes,
		"last_position", text_json(position), "events_delivered", (json_int_t) pump->events_settled,
		"sessions", (json_int_t) status->sessions, "slot_held_by_pid",
		size_json(status->slot_pid != 0, status->slot_pid), "postgres_up",
		status->peer_up[PEER_POSTGRES], "kafka_cut_off", status->kafka_cut_off,
		"events_dead_lettered", (json_int_t) dead_letters(status), "dead_letter_waiting",
		status->dead_letter_waits, "topics_grown", (json_int_t) status->grown_topics);
	if (root != NULL)
	{
		json_object_set_new(root, "slot_status", slot_json(status));
		json_object_set_new(root, "last_error", error_json(status));
		json_object_set_new(root, "counters", counters_json(status));
		json_object_set_new(root, "versions", versions_json(status));
		json_object_set_new(root, "config", config_json(pages));
	}
	text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
	buffer_append_str(out, text != NULL ? text : "{}");
	buffer_append_str(out, "\n");
	free(text);
	json_decref(root);
}

/* Whole characters alone, for those who read nothing else: systemd, and JSON. */
static void
waiting_line(const char *state, const char *message, char line[STATS_LINE_SIZE])
{
	Buffer clean;
	size_t len;

	buffer_init(&clean, JSON_TEXT_MAX);
	buffer_append_utf8(&clean, (ByteView){(const uint8_t *) message, strlen(message)});
	len = clean.len < LINE_MESSAGE_MAX ? clean.len : LINE_MESSAGE_MAX;
	while (len > 0 && ((unsigned char) clean.data[len] & 0xc0) == 0x80)
		len--;
	snprintf(line, STATS_LINE_SIZE, "%s: %.*s", state, (int) len, clean.data);
	buffer_free(&clean);
}

void
stats_line(const RelayStatus *status, char line[STATS_LINE_SIZE])
{
	const char *state = relay_state_name(status->state);

	if (status->role == ROLE_STANDBY)
		snprintf(line, STATS_LINE_SIZE, "standing by for slot %s", status->slot);
	else if (status->dead_letter_waits)
		snprintf(line, STATS_LINE_SIZE, "%s, a dead letter can't be written", state);
	else if (status->kafka_cut_off)
		snprintf(line, STATS_LINE_SIZE, "%s, Kafka is cut off", state);
	else if (status->state == RELAY_WAITING && status->last_error->error_class != ERROR_CLASS_NONE)
		waiting_line(state, status->last_error->message, line);
	else
		snprintf(line, STATS_LINE_SIZE, "%s", state);
}

static void
print_ready(HttpResponse *response, const RelayStatus *status)
{
	char line[STATS_LINE_SIZE];

	stats_line(status, line);
	response->status = status->ready ? 200 : 503;
	buffer_printf(&response->body, "%s\n", line);
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
	relay_describe(pages->relay, clock_mono(), clock_pg(), &status);
	if (strcmp(path, "/healthz") == 0)
		buffer_append_str(&response->body, "ok\n");
	else if (strcmp(path, "/readyz") == 0)
		print_ready(response, &status);
	else if (strcmp(path, "/status") == 0)
	{
		response->content_type = "application/json";
		print_status(&response->body, pages, &status);
	}
	else
	{
		response->content_type = "text/plain; version=0.0.4; charset=utf-8";
		relay_metrics_write(&response->body, &status, pages->reload);
	}
	return true;
}
