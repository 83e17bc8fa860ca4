/*
 * facts.h
 *	  Where a run took place, for its report: the machine and the versions.
 */
#ifndef OUTBOX_COMPARE_FACTS_H
#define OUTBOX_COMPARE_FACTS_H

#include <stdint.h>

typedef struct Facts
{
	int cpus;
	char cpu[128]; /* "": unknown; so all texts */
	int64_t memory_mb;
	char os[128];
	char kernel[128];
	char postgresql[64];
	char kafka[64];
	char librdkafka[64];
	char pg_outbox[64];
	char commit[64];
} Facts;

/* tree: ours.  conninfo: a server's of the stage, which must be up. */
extern void facts_find(Facts *facts, const char *tree, const char *conninfo);

#endif
