/*
 * audit.h
 *	  Reads what a run has left into the ledger of a mode.
 *
 * What proves that a request was stored:
 *
 *	direct, direct-retry				its row in the target
 *	dual-write, outbox, outbox-wal		its row in the source
 *	kafka-first							its record in the mode's topic
 *
 * A stage is used for several runs: what was there before this one's start is
 * not looked at, and ids of other runs are passed over.
 */
#ifndef OUTBOX_COMPARE_AUDIT_H
#define OUTBOX_COMPARE_AUDIT_H

#include "clock.h"
#include "error.h"
#include "ledger.h"
#include "mode.h"

typedef struct AuditConfig
{
	const char *source_conninfo; /* of the servers themselves, not through a proxy; as the */
	const char *target_conninfo; /* modes need them */
	const char *brokers;
	uint64_t seed;	/* of the ids */
	uint32_t run;	/* rows of the stage's other runs are none of ours */
	UnixUsec since; /* the run's start */
} AuditConfig;

/* Everything that is stored for one mode goes into its ledger. */
extern MUST_CHECK bool audit_mode(const AuditConfig *config, Mode mode, Ledger *ledger,
								  Error *error);

/* -------------------------------------------------------------------------
 * for those who read: pg_audit.c, kafka_audit.c
 * ------------------------------------------------------------------------- */

typedef struct Audit
{
	const AuditConfig *config;
	Mode mode;
	Ledger *ledger;
} Audit;

extern void audit_stored(const Audit *audit, const char *request_id);
extern void audit_in_target(const Audit *audit, const char *request_id, const char *driver_id,
							int64_t version, UnixUsec visible_at);
extern void audit_latest(const Audit *audit, const char *driver_id, int64_t version);

extern MUST_CHECK bool pg_audit_source(const Audit *audit, Error *error);
extern MUST_CHECK bool pg_audit_target(const Audit *audit, Error *error);
extern MUST_CHECK bool kafka_audit_topic(const Audit *audit, Error *error);

#endif
