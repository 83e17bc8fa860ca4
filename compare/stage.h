/*
 * stage.h
 *	  Everything that runs need, in one private directory: two PostgreSQL
 *	  clusters, a broker, the relay, the consumer, the application, and the links
 *	  between them, which lead through a proxy.
 *
 *	stage_prepare()	takes what can be had before there are threads alone
 *	stage_start()	makes and starts them in an order, waits until they are ready
 *	stage_stop()	ends them all, whatever state they are in
 *
 *	stage_crash(), stage_pause(), …	break a part; each has its way back
 *
 * Main thread only.  Everything is a child of ours or, as the broker, ended by
 * scripts/kafka; what neither catches, the guard does (guard.h).
 */
#ifndef OUTBOX_COMPARE_STAGE_H
#define OUTBOX_COMPARE_STAGE_H

#include "app.h"
#include "cluster.h"
#include "error.h"
#include "interrupt.h"
#include "mode.h"
#include "part.h"
#include "proxy.h"

typedef struct StageConfig
{
	const char *dir;		 /* exists, is empty and ours */
	const char *tree;		 /* where scripts/ is */
	const char *program_dir; /* where outbox-relay and outbox-consumer are */
	const bool *modes;		 /* what is not needed for them is not there */
	IngestLimits limits;	 /* of the application */
	int64_t breaker_reset_usec;
	int more_connections; /* to each server, of others than the stage's parts */
	bool small_disk; /* the target's tables are on a disk that can be full, when it can be had */
	void (*say)(const char *what); /* progress, for people */
} StageConfig;

typedef struct Stage Stage;

extern Stage *stage_create(const StageConfig *config, Interrupt *interrupt);
/* Before there are threads; stage_start() afterwards. */
extern MUST_CHECK bool stage_prepare(Stage *stage, Error *error);
extern MUST_CHECK bool stage_start(Stage *stage, Error *error);
extern void stage_stop(Stage *stage); /* frees it; NULL is allowed */

extern bool stage_has(const Stage *stage, Part part);
/* One of them at least leads somewhere; bits of LINK_BIT(). */
extern bool stage_has_links(const Stage *stage, unsigned links);
extern bool stage_has_small_disk(const Stage *stage);
extern const Cluster *stage_source(const Stage *stage); /* conninfo: the server's own */
extern const Cluster *stage_target(const Stage *stage);
extern const char *stage_brokers(const Stage *stage);
extern int stage_consumer_port(const Stage *stage); /* of its HTTP server; 0: none */
extern const App *stage_app(const Stage *stage);
extern pid_t stage_pid(const Stage *stage, Part part); /* 0: not running */

/* -------------------------------------------------------------------------
 * faults: whoever breaks something mends it
 * ------------------------------------------------------------------------- */

/* kill -9, of a server an immediate shutdown; when it returns the part is gone. */
extern MUST_CHECK bool stage_crash(Stage *stage, Part part, Error *error);
/* Starts it again; stage_serves() says when it serves. */
extern MUST_CHECK bool stage_restart(Stage *stage, Part part, Error *error);
extern MUST_CHECK bool stage_serves(Stage *stage, Part part, bool *serves, Error *error);

/* SIGSTOP for it and all its processes; SIGCONT. */
extern void stage_pause(Stage *stage, Part part);
extern void stage_resume(Stage *stage, Part part);

extern void stage_set_link(Stage *stage, Link link, const ProxyToxics *toxics);
extern void stage_reset_link(Stage *stage, Link link);

extern MUST_CHECK bool stage_fill_disk(Stage *stage, Error *error);
extern MUST_CHECK bool stage_empty_disk(Stage *stage, Error *error);
/* Leaves the links to the target refused: set them afterwards. */
extern MUST_CHECK bool stage_take_connections(Stage *stage, Error *error);
extern void stage_give_connections(Stage *stage);

/* A part that was not broken on purpose has ended: the error says which. */
extern MUST_CHECK bool stage_check(Stage *stage, Error *error);

/* The application is connected with everything that it needs. */
extern bool stage_app_ready(Stage *stage);

#endif
