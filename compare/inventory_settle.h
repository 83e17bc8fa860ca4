/*
 * inventory_settle.h
 *	  What the records of an inventory run and the rows that it left come to.
 *
 * Call it when nobody writes any more.
 */
#ifndef OUTBOX_COMPARE_INVENTORY_SETTLE_H
#define OUTBOX_COMPARE_INVENTORY_SETTLE_H

#include "inventory_report.h"

typedef struct InventorySettleInput
{
	const char *source; /* connection strings of the servers themselves */
	const char *services[SERVICE_COUNT];
	uint64_t seed; /* of the ids */
	uint32_t run;
	const ShopLoad *load;
	const Schedule *schedule;
	MonoUsec start; /* of the load, and the same moment by the wall clock */
	UnixUsec wall_start;
	MonoUsec back_at;	  /* the last return of a service; without one, the load's end */
	MonoUsec replay_from; /* when audit was started; 0: it wasn't */
	bool quiet;			  /* nothing was on its way any more */
} InventorySettleInput;

/* Fills the report's paths, and counts and lags in those rows that it has. */
extern MUST_CHECK bool inventory_settle(const InventorySettleInput *input, InventoryReport *report,
										Error *error);

#endif
