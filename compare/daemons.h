/*
 * daemons.h
 *	  The broker (through scripts/kafka), the relay and the consumer of a stage.
 */
#ifndef OUTBOX_COMPARE_DAEMONS_H
#define OUTBOX_COMPARE_DAEMONS_H

#include <stdint.h>

#include "child.h"
#include "error.h"
#include "interrupt.h"

typedef struct DaemonsConfig
{
	const char *dir;
	const char *tree;		 /* where scripts/ is */
	const char *program_dir; /* where the daemons are */
	int64_t breaker_reset_usec;
} DaemonsConfig;

typedef struct Daemons
{
	DaemonsConfig config;
	bool broker_wanted; /* started, or on its way */
	Child tool;			/* scripts/kafka, or an "init" */
	Child relay;
	Child consumer;
	int relay_port;
	int consumer_port;
} Daemons;

extern void daemons_init(Daemons *daemons, const DaemonsConfig *config);

/* Starts "scripts/kafka start"; daemons->tool is that process. */
extern MUST_CHECK bool daemons_start_broker(Daemons *daemons, Error *error);

/* Else "start" has to fetch it first, which takes a while. */
extern bool daemons_broker_cached(const Daemons *daemons);

/* init and run, of both; returns when both are ready. */
extern MUST_CHECK bool daemons_start(Daemons *daemons, const char *source_conninfo,
									 const char *target_conninfo, Interrupt *interrupt,
									 Error *error);

extern MUST_CHECK bool daemons_check(Daemons *daemons, Error *error); /* both still run */

/* Asks them to end, waits, and kills what doesn't go. */
extern void daemons_stop(Daemons *daemons);

#endif
