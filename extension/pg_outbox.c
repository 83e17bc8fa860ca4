/*
 * pg_outbox.c
 *	  Module magic and initialisation.  Loaded on first use; never needs
 *	  shared_preload_libraries.
 */
#include "pg_outbox.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	outbox_define_settings();
	outbox_partition_init();
}
