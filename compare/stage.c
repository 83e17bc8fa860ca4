/*
 * stage.c
 *	  The order in which the parts come up and go down.
 *
 * What takes long is started first and waited for last: both initdb and the
 * broker's start run at the same time.
 */
#include "stage.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_schema.h"
#include "daemons.h"
#include "exit_codes.h"
#include "files.h"
#include "pg_session.h"
#include "random.h"

#define INITDB_TIMEOUT_USEC (60 * USEC_PER_SEC)
#define SERVER_TIMEOUT_USEC (60 * USEC_PER_SEC)
#define KAFKA_TIMEOUT_USEC (300 * USEC_PER_SEC) /* the jars may have to be fetched */
#define TOOL_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define STATEMENT_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define LOOK_USEC (20 * USEC_PER_MS)

struct Stage
{
	StageConfig config;
	Interrupt *interrupt;
	char bin_dir[CLUSTER_PATH_SIZE]; /* PostgreSQL's */
	char password_file[CLUSTER_PATH_SIZE];
	char pass_file[CLUSTER_PATH_SIZE];
	ChildUser server_user;
	Cluster source;
	Cluster target;
	Daemons daemons;
	App app;
};

/* Whether there is more than the target. */
static bool
has_pipeline(const Stage *stage)
{
	return mode_any(stage->config.modes, mode_consumed);
}

Stage *
stage_create(const StageConfig *config, Interrupt *interrupt)
{
	Stage *stage = calloc(1, sizeof(*stage));

	if (stage == NULL)
		return NULL;
	stage->config = *config;
	stage->interrupt = interrupt;
	return stage;
}

const Cluster *
stage_source(const Stage *stage)
{
	return &stage->source;
}

const Cluster *
stage_target(const Stage *stage)
{
	return &stage->target;
}

int
stage_consumer_port(const Stage *stage)
{
	return stage->daemons.consumer_port;
}

/* -------------------------------------------------------------------------
 * what must be known first
 * ------------------------------------------------------------------------- */

/* The server refuses to run as root: then it is the user "postgres". */
static bool
find_user(Stage *stage, Error *error)
{
	const struct passwd *user;

	if (geteuid() != 0)
		return true;
	user = getpwnam("postgres");
	if (user == NULL)
	{
		error_permanent(error, EXIT_CONFIG, "there is no user \"postgres\"");
		return error_hint(error, "PostgreSQL does not run as root. Run this as another user.");
	}
	stage->server_user = (ChildUser){.change = true, .uid = user->pw_uid, .gid = user->pw_gid};
	return true;
}

static bool
find_server(Stage *stage, Error *error)
{
	const char *pg_config = getenv("PG_CONFIG");
	const char *const argv[] = {pg_config != NULL && *pg_config != '\0' ? pg_config : "pg_config",
								"--bindir", NULL};
	char path[CLUSTER_PATH_SIZE];
	ChildSpec spec = {.name = "pg_config", .argv = argv, .log_path = path, .death_signal = SIGKILL};
	Child child;

	snprintf(path, sizeof(path), "%s/pg_config.log", stage->config.dir);
	return child_start(&child, &spec, error) &&
		   child_finish(&child, stage->interrupt, TOOL_TIMEOUT_USEC, error) &&
		   file_read_line(path, stage->bin_dir, sizeof(stage->bin_dir), error);
}

static bool
make_password(Stage *stage, Error *error)
{
	Random random;
	char password[40];
	char line[128];

	random_seed(&random, random_seed_from_system());
	snprintf(password, sizeof(password), "%016llx%016llx",
			 (unsigned long long) (random_next(&random) ^ random_seed_from_system()),
			 (unsigned long long) random_seed_from_system());
	snprintf(line, sizeof(line), "127.0.0.1:*:*:%s:%s\n", CLUSTER_USER, password);
	snprintf(stage->password_file, sizeof(stage->password_file), "%s/password", stage->config.dir);
	snprintf(stage->pass_file, sizeof(stage->pass_file), "%s/pgpass", stage->config.dir);
	if (!file_write(stage->password_file, password, 0600, error) ||
		!file_write(stage->pass_file, line, 0600, error))
		return false;
	if (stage->server_user.change &&
		(chown(stage->password_file, stage->server_user.uid, stage->server_user.gid) != 0 ||
		 chmod(stage->config.dir, 0711) != 0))
		return error_permanent(error, EXIT_CONFIG, "could not prepare \"%s\": %s",
							   stage->config.dir, strerror(errno));
	return true;
}

/* -------------------------------------------------------------------------
 * the clusters
 * ------------------------------------------------------------------------- */

static bool
make_cluster(Stage *stage, Cluster *cluster, const char *name, bool logical, Error *error)
{
	ClusterConfig config = {.name = name,
							.stage_dir = stage->config.dir,
							.bin_dir = stage->bin_dir,
							.password_file = stage->password_file,
							.pass_file = stage->pass_file,
							.user = stage->server_user,
							.logical = logical};

	return cluster_make(cluster, &config, error);
}

static bool
await_cluster(Stage *stage, Cluster *cluster, Error *error)
{
	MonoUsec deadline = clock_mono() + SERVER_TIMEOUT_USEC;

	while (!cluster_ready(cluster))
	{
		if (!child_running(&cluster->server))
			return child_error(&cluster->server, error);
		if (!interrupt_wait(stage->interrupt, clock_mono() + LOOK_USEC))
			return error_transient(error, "interrupted");
		if (clock_mono() > deadline)
			return error_permanent(error, EXIT_SERVER, "the %s server did not come up",
								   cluster->config.name);
	}
	return true;
}

static bool
run_sql(const char *conninfo, const char *sql, Error *error)
{
	PgSession *session = pg_session_open(conninfo, STATEMENT_TIMEOUT_USEC, error);
	bool done = session != NULL && pg_session_run(session, sql, error);

	pg_session_close(session);
	return done;
}

static bool
fill_cluster(Cluster *cluster, bool with_extension, Error *error)
{
	char conninfo[CLUSTER_CONNINFO_SIZE];
	char create[64];

	cluster_conninfo(cluster, "postgres", conninfo, sizeof(conninfo));
	snprintf(create, sizeof(create), "CREATE DATABASE %s", cluster->config.name);
	if (!run_sql(conninfo, create, error) || !run_sql(cluster->conninfo, app_schema_sql, error))
		return false;
	if (with_extension && !run_sql(cluster->conninfo, "CREATE EXTENSION pg_outbox", error))
		return error_hint(error, "The extension must be installed: make install-extension.");
	/* Out of the way of the crash's recovery, and of the first requests. */
	return run_sql(cluster->conninfo, "CHECKPOINT", error);
}

static bool
start_cluster(Stage *stage, Cluster *cluster, Error *error)
{
	return child_finish(&cluster->tool, stage->interrupt, INITDB_TIMEOUT_USEC, error) &&
		   cluster_start(cluster, error);
}

static bool
start_databases(Stage *stage, Error *error)
{
	bool outbox = has_pipeline(stage);

	if (!start_cluster(stage, &stage->target, error) ||
		(outbox && !start_cluster(stage, &stage->source, error)))
		return false;
	unlink(stage->password_file);
	if (!await_cluster(stage, &stage->target, error) || !fill_cluster(&stage->target, false, error))
		return false;
	return !outbox || (await_cluster(stage, &stage->source, error) &&
					   fill_cluster(&stage->source, true, error));
}

/* -------------------------------------------------------------------------
 * up and down
 * ------------------------------------------------------------------------- */

bool
stage_start(Stage *stage, Error *error)
{
	bool outbox = has_pipeline(stage);
	DaemonsConfig daemons = {.dir = stage->config.dir,
							 .tree = stage->config.tree,
							 .program_dir = stage->config.program_dir,
							 .breaker_reset_usec = stage->config.breaker_reset_usec};

	if (!find_user(stage, error) || !find_server(stage, error) || !make_password(stage, error))
		return false;
	memcpy(daemons.modes, stage->config.modes, sizeof(daemons.modes));
	stage->config.say(outbox ? "starting two PostgreSQL servers and a Kafka broker"
							 : "starting a PostgreSQL server");
	daemons_init(&stage->daemons, &daemons);
	if (!make_cluster(stage, &stage->target, "target", false, error) ||
		(outbox && (!make_cluster(stage, &stage->source, "source", true, error) ||
					!daemons_start_broker(&stage->daemons, error))) ||
		!start_databases(stage, error))
		return false;
	if (!outbox)
		return true;
	if (!daemons_broker_cached(&stage->daemons))
		stage->config.say("fetching Kafka, once");
	if (!child_finish(&stage->daemons.tool, stage->interrupt, KAFKA_TIMEOUT_USEC, error))
		return false;
	stage->config.say("starting outbox-relay and outbox-consumer");
	return daemons_start(&stage->daemons, stage->source.conninfo, stage->target.conninfo,
						 stage->interrupt, error);
}

App *
stage_app(Stage *stage)
{
	return &stage->app;
}

const char *
stage_brokers(const Stage *stage)
{
	return stage->daemons.broker;
}

static bool
await_app(Stage *stage, Error *error)
{
	MonoUsec deadline = clock_mono() + SERVER_TIMEOUT_USEC;

	while (!app_ready(&stage->app))
	{
		if (!child_running(&stage->app.child))
			return child_error(&stage->app.child, error);
		if (!interrupt_wait(stage->interrupt, clock_mono() + LOOK_USEC))
			return error_transient(error, "interrupted");
		if (clock_mono() > deadline)
			return error_permanent(error, EXIT_SERVER, "the application did not get ready");
	}
	return true;
}

bool
stage_start_app(Stage *stage, const IngestLimits *limits, Error *error)
{
	char program[CLUSTER_PATH_SIZE];
	AppConfig config = {.dir = stage->config.dir,
						.program = program,
						.target_conninfo = stage->target.conninfo,
						.limits = *limits};

	if (has_pipeline(stage))
	{
		config.source_conninfo = stage->source.conninfo;
		config.brokers = stage->daemons.broker;
	}
	memcpy(config.modes, stage->config.modes, sizeof(config.modes));
	snprintf(program, sizeof(program), "%s/outbox-compare", stage->config.program_dir);
	return app_start(&stage->app, &config, error) && await_app(stage, error);
}

void
stage_stop(Stage *stage)
{
	if (stage == NULL)
		return;
	/* Clients first: they end in good order as long as their servers are there. */
	app_stop(&stage->app);
	if (has_pipeline(stage))
		daemons_stop(&stage->daemons);
	cluster_stop(&stage->target);
	cluster_stop(&stage->source);
	cluster_finish(&stage->target);
	cluster_finish(&stage->source);
	free(stage);
}

bool
stage_crash_target(Stage *stage, Error *error)
{
	if (!cluster_crash(&stage->target, error) ||
		!child_finish(&stage->target.tool, stage->interrupt, TOOL_TIMEOUT_USEC, error))
		return false;
	if (child_wait(&stage->target.server, TOOL_TIMEOUT_USEC))
		return true;
	return error_permanent(error, EXIT_SERVER, "the target server did not stop");
}

bool
stage_restore_target(Stage *stage, Error *error)
{
	return cluster_start(&stage->target, error);
}

bool
stage_target_ready(const Stage *stage)
{
	return cluster_ready(&stage->target);
}

bool
stage_check(Stage *stage, bool target_is_down, Error *error)
{
	if (!target_is_down && !child_running(&stage->target.server))
		return child_error(&stage->target.server, error);
	if (stage->app.child.pid != 0 && !child_running(&stage->app.child))
		return child_error(&stage->app.child, error);
	if (!has_pipeline(stage))
		return true;
	if (!child_running(&stage->source.server))
		return child_error(&stage->source.server, error);
	return daemons_check(&stage->daemons, error);
}
