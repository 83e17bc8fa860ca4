/*
 * daemons.h
 *	  The broker (through scripts/kafka), the relay and the consumer of a stage.
 */
#ifndef OUTBOX_COMPARE_DAEMONS_H
#define OUTBOX_COMPARE_DAEMONS_H

#include <stdint.h>

#include "daemon.h"
#include "mode.h"

typedef struct DaemonsConfig
{
	const char *dir;
	const char *tree;		 /* where scripts/ is */
	const char *program_dir; /* where the daemons are */
	int64_t breaker_reset_usec;
	bool modes[MODE_COUNT]; /* whose topics the consumer reads */
} DaemonsConfig;

typedef struct Daemons
{
	DaemonsConfig config;
	bool broker_wanted; /* started, or on its way */
	Child tool;			/* scripts/kafka, or an "init" */
	char broker[64];	/* "host:port" once it is known */
	DaemonSetup relay_setup;
	DaemonSetup consumer_setup;
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

/* Topics; init and run, of both; returns when both are ready. */
extern MUST_CHECK bool daemons_start(Daemons *daemons, const char *source_conninfo,
									 const char *target_conninfo, Interrupt *interrupt,
									 Error *error);

/* Run it again, after its end. */
extern MUST_CHECK bool daemons_run_relay(Daemons *daemons, Error *error);
extern MUST_CHECK bool daemons_run_consumer(Daemons *daemons, Error *error);
/* It does its work, whatever becomes of those that it talks to; may wait for a short time. */
extern bool daemons_relay_serves(const Daemons *daemons);
extern bool daemons_consumer_serves(const Daemons *daemons);

/* The broker, once it was started: kill -9; and again on the same data and port, by daemons->tool. */
extern pid_t daemons_broker_pid(const Daemons *daemons); /* 0: unknown */
extern MUST_CHECK bool daemons_kill_broker(Daemons *daemons, Error *error);
extern MUST_CHECK bool daemons_restart_broker(Daemons *daemons, Error *error);

/* Asks them to end, waits, and kills what doesn't go. */
extern void daemons_stop(Daemons *daemons);

#endif
