/*
 * pg_outbox.c
 *	  Module magic and initialisation.  The module is loaded by the first session
 *	  that calls one of its functions; it needs no shared memory, no background
 *	  worker and no shared_preload_libraries.
 */
#include "postgres.h"

#include "fmgr.h"

#include "capture_plan.h"
#include "guc.h"
#include "partition.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	outbox_define_settings();
	outbox_partition_init();
	outbox_capture_plan_init();
}
