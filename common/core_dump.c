/*
 * core_dump.c
 *	  The kernel's "dumpable" attribute: see prctl(2) and core(5).
 *
 * Invariant: neither call can fail, for its argument is one that the kernel has to take.
 */
#include "core_dump.h"

#include <sys/prctl.h>

void
core_dump_forbid(void)
{
	(void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void
core_dump_allow(void)
{
	(void) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
