/*
 * app.h
 *	  The application of a stage: the ingest server as a child process of its own,
 *	  so that it can be crashed, paused and started again like the other parts.
 *
 *	app_start()		writes its configuration, starts it; app_ready() says when it serves
 *	app_crash()		kills it at the worst moment
 *	app_restart()	starts it again on the same port, after its end
 *	app_stop()		asks it to end, and kills what doesn't go
 *
 * Main thread only.  Addresses are the caller's: a database or a broker may be
 * reached through a proxy.
 */
#ifndef OUTBOX_COMPARE_APP_H
#define OUTBOX_COMPARE_APP_H

#include <stdint.h>

#include "child.h"
#include "error.h"
#include "ingest_options.h"
#include "mode.h"

typedef struct AppConfig
{
	const char *dir;			 /* of the stage: ingest.ini and ingest.log are put there */
	const char *program;		 /* outbox-compare itself */
	const char *target_conninfo; /* as the modes need them; copied */
	const char *source_conninfo;
	const char *brokers;
	bool modes[MODE_COUNT];
	IngestLimits limits;
} AppConfig;

typedef struct App
{
	Child child;
	char program[512];
	char config_path[512];
	char log_path[512];
	bool crashes_between; /* it has a mode that a crash may hit between two writes */
	int port;			  /* for life: clients find it there after a crash */
} App;

/* What GET /state says of a mode. */
typedef struct AppPath
{
	int connected;	/* of its pool, or 1: a broker answers */
	int64_t queued; /* messages that Kafka has not acknowledged */
	int breaker;	/* of direct-retry: 0 closed, 1 half-open, 2 open; else -1 */
} AppPath;

extern MUST_CHECK bool app_start(App *app, const AppConfig *config, Error *error);
extern MUST_CHECK bool app_restart(App *app, Error *error);

/* It runs and all its modes are connected: GET /readyz.  May wait for a short time. */
extern bool app_ready(App *app);

/* GET /state; false when it doesn't answer.  paths has MODE_COUNT elements. */
extern bool app_state(const App *app, AppPath *paths);

/*
 * Kills it and waits for its end.  With dual-write it is given a moment to die by
 * itself at the point that path is compared for: a request was answered, and
 * Kafka has not acknowledged its message.
 */
extern MUST_CHECK bool app_crash(App *app, Error *error);

extern void app_stop(App *app); /* of one that was never started, too */

#endif
