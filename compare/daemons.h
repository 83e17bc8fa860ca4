/*
 * daemons.h
 *	  The broker (through scripts/kafka), the relay and the consumer of a stage.
 */
#ifndef OUTBOX_COMPARE_DAEMONS_H
#define OUTBOX_COMPARE_DAEMONS_H

#include <stdint.h>

#include "child.h"
#include "cluster.h"
#include "error.h"
#include "interrupt.h"
#include "mode.h"

#define VARIABLES_MAX 8
#define VARIABLE_SIZE (CLUSTER_CONNINFO_SIZE + 64)

/* "NAME=value" strings for child_start(). */
typedef struct Variables
{
	char text[VARIABLES_MAX][VARIABLE_SIZE];
	const char *list[VARIABLES_MAX + 1];
	int count;
} Variables;

typedef struct DaemonsConfig
{
	const char *dir;
	const char *tree;		 /* where scripts/ is */
	const char *program_dir; /* where the daemons are */
	int64_t breaker_reset_usec;
	const bool *modes; /* whose topics are made and read */
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
	char brokers[64];
	char handlers[CLUSTER_PATH_SIZE]; /* the consumer's configuration file */
	Variables relay_variables;
	Variables consumer_variables;
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

/* Once they were started: again, after their end. */
extern MUST_CHECK bool daemons_run_relay(Daemons *daemons, Error *error);
extern MUST_CHECK bool daemons_run_consumer(Daemons *daemons, Error *error);
extern bool daemons_relay_serves(Daemons *daemons); /* may wait for a short time */
extern bool daemons_consumer_serves(Daemons *daemons);

/* The broker, while it is there: kill -9; start on the same data and port, in daemons->tool. */
extern pid_t daemons_broker_pid(const Daemons *daemons); /* 0: unknown */
extern MUST_CHECK bool daemons_kill_broker(Daemons *daemons, Error *error);
extern MUST_CHECK bool daemons_restart_broker(Daemons *daemons, Error *error);

/* Asks them to end, waits, and kills what doesn't go. */
extern void daemons_stop(Daemons *daemons);

#endif
