/*
 * stage.h
 *	  Everything that a run needs, in one private directory: two PostgreSQL
 *	  clusters, a broker, the relay, the consumer and the application.
 *
 *	stage_start()	makes and starts them in an order, waits until they are ready
 *	stage_start_app()	the application on top of them
 *	stage_crash_target(), stage_restore_target()	the outage
 *	stage_stop()	ends them all, whatever state they are in
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

typedef struct StageConfig
{
	const char *dir;		 /* exists, is empty and ours */
	const char *tree;		 /* where scripts/ is */
	const char *program_dir; /* where outbox-relay and outbox-consumer are */
	bool modes[MODE_COUNT];	 /* with none that is consumed: the target alone */
	int64_t breaker_reset_usec;
	void (*say)(const char *what); /* progress, for people */
} StageConfig;

typedef struct Stage Stage;

extern Stage *stage_create(const StageConfig *config, Interrupt *interrupt);
extern MUST_CHECK bool stage_start(Stage *stage, Error *error);
extern void stage_stop(Stage *stage); /* frees it; NULL is allowed */

extern const Cluster *stage_source(const Stage *stage);
extern const Cluster *stage_target(const Stage *stage);
extern int stage_consumer_port(const Stage *stage); /* of its HTTP server */

/* The modes' addresses come from the stage; returns when it is ready. */
extern MUST_CHECK bool stage_start_app(Stage *stage, const IngestLimits *limits, Error *error);
extern App *stage_app(Stage *stage); /* to crash, and to start again: app.h */
extern const char *stage_brokers(const Stage *stage);

extern MUST_CHECK bool stage_crash_target(Stage *stage, Error *error);
/* Starts the target; stage_target_ready() says when it serves. */
extern MUST_CHECK bool stage_restore_target(Stage *stage, Error *error);
extern bool stage_target_ready(const Stage *stage);

/* A part that must run has ended: the error says which. */
extern MUST_CHECK bool stage_check(Stage *stage, bool target_is_down, Error *error);

#endif
