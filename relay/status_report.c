/*
 * status_report.c
 *	  outbox-relay status: one row of outbox.status, for people and for machines.
 *
 * Refuses nothing.
 */
#include "status_report.h"

#include <jansson.h>

const char *
status_relay_role(const SlotStatus *status)
{
	if (status->active_pid != 0)
		return "streaming";
	return status->standby_relays > 0 ? "standing by" : "none";
}

static json_t *
text_or_null(const char *text)
{
	return *text != '\0' ? json_string(text) : json_null();
}

static void
report_json(const SlotStatus *status, FILE *out)
{
	json_t *root = json_pack(
		"{s:s, s:b, s:i, s:i, s:s, s:s, s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:f,"
		" s:o, s:o, s:I, s:b, s:o}",
		"role", status_relay_role(status), "relay_connected",
		status->active_pid != 0 || status->standby_relays > 0, "active_pid", status->active_pid,
		"standby_relays", status->standby_relays, "slot", status->slot, "source_id",
		status->source_id, "generation", (int) status->generation, "registration",
		status->registration, "slot_state", status->slot_state, "wal_status",
		text_or_null(status->wal_status), "invalidation_reason",
		text_or_null(status->invalidation_reason), "confirmed_lsn",
		text_or_null(status->confirmed_lsn), "mark_lsn", text_or_null(status->mark_lsn), "mark_at",
		text_or_null(status->mark_at), "retained_bytes", (json_int_t) status->retained_bytes,
		"safe_wal_size",
		status->safe_wal_known ? json_integer((json_int_t) status->safe_wal_size) : json_null(),
		"lag_bytes", (json_int_t) status->lag_bytes, "lag_seconds", status->lag_seconds,
		"last_position", text_or_null(status->last_position), "failover_problem",
		text_or_null(status->failover_problem), "dead_letters", (json_int_t) status->dead_letters,
		"gap_open", status->gap_open, "routing", text_or_null(status->routing));

	(void) json_dumpf(root, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(root);
}

static void
line(FILE *out, const char *name, const char *text)
{
	if (*text != '\0')
		fprintf(out, "%-17s%s\n", name, text);
}

void
status_report(const SlotStatus *status, bool json, FILE *out)
{
	if (json)
	{
		report_json(status, out);
		return;
	}
	fprintf(out, "%-17s%s", "relay", status_relay_role(status));
	if (status->active_pid != 0)
		fprintf(out, ", process %d of the server", status->active_pid);
	if (status->standby_relays > 0)
		fprintf(out, ", %d standing by", status->standby_relays);
	fprintf(out, "\n%-17s%s, generation %u, %s\n", "source id", status->source_id,
			status->generation, status->registration);
	fprintf(out, "%-17s%s, %s\n", "slot", status->slot, status->slot_state);
	line(out, "wal_status", status->wal_status);
	line(out, "invalid", status->invalidation_reason);
	line(out, "confirmed", status->confirmed_lsn);
	fprintf(out, "%-17s%s, written %s\n", "mark",
			*status->mark_lsn != '\0' ? status->mark_lsn : "none",
			*status->mark_at != '\0' ? status->mark_at : "never");
	fprintf(out, "%-17s%lld bytes, %.1f s\n", "lag", (long long) status->lag_bytes,
			status->lag_seconds);
	fprintf(out, "%-17s%lld bytes\n", "retained", (long long) status->retained_bytes);
	if (status->safe_wal_known)
		fprintf(out, "%-17s%lld bytes\n", "safe_wal_size", (long long) status->safe_wal_size);
	else
		line(out, "safe_wal_size", "no limit");
	line(out, "last position", status->last_position);
	line(out, "failover",
		 *status->failover_problem != '\0' ? status->failover_problem
										   : "nothing is known against one");
	line(out, "routing", status->routing);
	fprintf(out, "%-17s%lld\n", "dead letters", (long long) status->dead_letters);
	line(out, "gap",
		 status->gap_open ? "open: outbox-relay replay --gap publishes what may be missing"
						  : "none");
}
