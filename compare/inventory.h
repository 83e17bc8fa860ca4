/*
 * inventory.h
 *	  One run of an inventory scenario on a stage: orders on two paths, services
 *	  that go away and come back, a drain, and a service that comes last and replays
 *	  the topic from its beginning.
 *
 *	sync	app ──▶ source, inventory, pricing, recommendation
 *	outbox	app ──▶ source ──▶ relay ──▶ topic ─┬▶ inventory
 *												├▶ pricing
 *												├▶ recommendation
 *												└▶ audit, after the drain
 *
 * The services' databases are in the target's cluster and go with the run.  An
 * interrupt ends the load at once; who is away comes back in any case, and what was
 * measured is in the report.
 */
#ifndef OUTBOX_COMPARE_INVENTORY_H
#define OUTBOX_COMPARE_INVENTORY_H

#include "inventory_report.h"
#include "stage.h"

typedef struct InventoryConfig
{
	const CompareConfig *compare;
	const Scenario *scenario;
	const char *dir;		 /* of the stage */
	const char *program_dir; /* where outbox-consumer is */
	int64_t breaker_reset_usec;
	uint32_t number; /* of this run on its stage */
	int repeat;
} InventoryConfig;

/* How many it opens to a server of the stage, at most. */
extern int inventory_connections(const IngestLimits *limits);

/* Why the stage can't play it; NULL: it can. */
extern const char *inventory_obstacle(const Stage *stage);

/* True when the report was filled; it is the caller's to free, also on failure. */
extern MUST_CHECK bool inventory_run(const InventoryConfig *config, Stage *stage,
									 Interrupt *interrupt, InventoryReport *report, Error *error);

#endif
