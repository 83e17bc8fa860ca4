/*
 * pg_audit.h
 *	  Reads the databases into the ledger.
 */
#ifndef OUTBOX_COMPARE_PG_AUDIT_H
#define OUTBOX_COMPARE_PG_AUDIT_H

#include "error.h"
#include "ledger.h"
#include "mode.h"

typedef struct AuditConfig
{
	const char *source_conninfo; /* where the outbox mode's requests are stored */
	const char *target_conninfo;
	uint64_t seed; /* of the ids */
	uint32_t run;  /* rows of the stage's other runs are none of ours */
} AuditConfig;

/* Everything that is stored for one mode goes into its ledger. */
extern MUST_CHECK bool audit_mode(const AuditConfig *config, Mode mode, Ledger *ledger,
								  Error *error);

#endif
