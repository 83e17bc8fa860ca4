/*
 * status_report.h
 *	  outbox-relay status: one row of outbox.status, for people and for machines.  Pure
 *	  but for the writing.
 */
#ifndef OUTBOX_RELAY_STATUS_REPORT_H
#define OUTBOX_RELAY_STATUS_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Texts are "" when there is none. */
typedef struct SlotStatus
{
	char slot[64];
	char source_id[64];
	uint32_t generation;
	char registration[16]; /* creating, backfill, ready */
	char slot_state[24];   /* as in outbox.status */
	int active_pid;		   /* of the walsender; 0: no relay reads the slot */
	int standby_relays;
	char wal_status[16];
	char invalidation_reason[64];
	char confirmed_lsn[20];
	char mark_lsn[20];
	char mark_at[40];
	int64_t retained_bytes;
	bool safe_wal_known; /* false: there is no limit */
	int64_t safe_wal_size;
	int64_t lag_bytes;
	double lag_seconds;
	char last_position[200];
	char failover_problem[512]; /* "": nothing is known against one */
	int64_t dead_letters;
	bool gap_open;	   /* an accepted gap was not replayed */
	char routing[640]; /* against the settings of this command, in words */
} SlotStatus;

/* "streaming" when one reads the slot, "standing by" when some only wait for it, else "none". */
extern const char *status_relay_role(const SlotStatus *status);

/* What isn't known is left out of text, and null in JSON. */
extern void status_report(const SlotStatus *status, bool json, FILE *out);

#endif
