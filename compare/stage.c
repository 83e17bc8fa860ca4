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
#include "exit_codes.h"
#include "files.h"
#include "pg_session.h"
#include "random.h"
#include "space.h"
#include "stage_private.h"

#define INITDB_TIMEOUT_USEC (60 * USEC_PER_SEC)
#define SERVER_TIMEOUT_USEC (120 * USEC_PER_SEC)
#define KAFKA_TIMEOUT_USEC (300 * USEC_PER_SEC) /* the jars may have to be fetched */
#define TOOL_TIMEOUT_USEC (120 * USEC_PER_SEC)
#define STATEMENT_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define LOOK_USEC (20 * USEC_PER_MS)
/* For relay, consumer, and those who look. */
#define CONNECTIONS_OF_OTHERS 10
#define APP_TIMEOUT_USEC (120 * USEC_PER_SEC)

Stage *
stage_create(const StageConfig *config, Interrupt *interrupt)
{
	Stage *stage = calloc(1, sizeof(*stage));

	if (stage == NULL)
		return NULL;
	stage->config = *config;
	stage->interrupt = interrupt;
	stage->full = mode_any(config->modes, mode_consumed);
	snprintf(stage->space, sizeof(stage->space), "%s/small-disk", config->dir);
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

const char *
stage_brokers(const Stage *stage)
{
	return stage->daemons.broker;
}

int
stage_consumer_port(const Stage *stage)
{
	return stage->daemons.consumer_port;
}

const App *
stage_app(const Stage *stage)
{
	return &stage->app;
}

bool
stage_has_small_disk(const Stage *stage)
{
	return stage->config.small_disk;
}

bool
stage_has(const Stage *stage, Part part)
{
	return stage->full || part == PART_TARGET || part == PART_APP;
}

bool
stage_has_links(const Stage *stage, unsigned links)
{
	return stage->full || (links & LINK_BIT(LINK_APP_TARGET)) != 0;
}

Child *
stage_child(Stage *stage, Part part)
{
	switch (part)
	{
		case PART_TARGET:
			return &stage->target.server;
		case PART_SOURCE:
			return &stage->source.server;
		case PART_RELAY:
			return &stage->daemons.relay;
		case PART_CONSUMER:
			return &stage->daemons.consumer;
		case PART_APP:
			return &stage->app.child;
		case PART_BROKER:
		case PART_COUNT:
			break;
	}
	return NULL;
}

pid_t
stage_pid(const Stage *stage, Part part)
{
	/* It is looked at only. */
	const Child *child = stage_child((Stage *) (uintptr_t) stage, part);

	if (!stage_has(stage, part))
		return 0;
	if (part == PART_BROKER)
		return stage->down[part] ? 0 : daemons_broker_pid(&stage->daemons);
	return child != NULL && child->running ? child->pid : 0;
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

/* No more than are needed: there is a fault that takes them all. */
static int
count_connections(const Stage *stage, bool source)
{
	int connections = CONNECTIONS_OF_OTHERS + stage->config.more_connections;

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (source ? mode_writes_source((Mode) mode) : mode_writes_target((Mode) mode))
			connections += stage->config.limits.pool_size;
	}
	return connections;
}

static bool
make_cluster(Stage *stage, Cluster *cluster, const char *name, bool logical, Error *error)
{
	ClusterConfig config = {.name = name,
							.stage_dir = stage->config.dir,
							.bin_dir = stage->bin_dir,
							.password_file = stage->password_file,
							.pass_file = stage->pass_file,
							.user = stage->server_user,
							.connections = count_connections(stage, logical),
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
	return pg_session_run_once(conninfo, STATEMENT_TIMEOUT_USEC, sql, error);
}

static bool
fill_cluster(Cluster *cluster, const char *space, bool with_extension, Error *error)
{
	char conninfo[CLUSTER_CONNINFO_SIZE];
	char create[128];
	char tablespace[CLUSTER_PATH_SIZE + 64];

	cluster_conninfo(cluster, "postgres", conninfo, sizeof(conninfo));
	snprintf(tablespace, sizeof(tablespace), "CREATE TABLESPACE small LOCATION '%s'",
			 space != NULL ? space : "");
	snprintf(create, sizeof(create), "CREATE DATABASE %s%s", cluster->config.name,
			 space != NULL ? " TABLESPACE small" : "");
	if (space != NULL && !run_sql(conninfo, tablespace, error))
		return false;
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
	if (!start_cluster(stage, &stage->target, error) ||
		(stage->full && !start_cluster(stage, &stage->source, error)))
		return false;
	unlink(stage->password_file);
	if (!await_cluster(stage, &stage->target, error) ||
		!fill_cluster(&stage->target, stage->config.small_disk ? stage->space : NULL, false, error))
		return false;
	return !stage->full || (await_cluster(stage, &stage->source, error) &&
							fill_cluster(&stage->source, NULL, true, error));
}

/* -------------------------------------------------------------------------
 * up and down
 * ------------------------------------------------------------------------- */

static bool
start_links(Stage *stage, Error *error)
{
	int ports[LINK_COUNT];

	for (int link = 0; link < LINK_COUNT; link++)
		ports[link] =
			link_end((Link) link) == PART_TARGET ? stage->target.port : stage->source.port;
	stage->proxy = proxy_start(ports, LINK_COUNT, error);
	return stage->proxy != NULL;
}

/* How to reach a server over one of the links. */
static void
link_conninfo(const Stage *stage, Link link, char *conninfo, size_t size)
{
	bool target = link_end(link) == PART_TARGET;
	Cluster reached = target ? stage->target : stage->source;

	reached.port = proxy_port(stage->proxy, (int) link);
	cluster_conninfo(&reached, reached.config.name, conninfo, size);
}

static bool
start_daemons(Stage *stage, Error *error)
{
	char source[CLUSTER_CONNINFO_SIZE];
	char target[CLUSTER_CONNINFO_SIZE];

	if (!daemons_broker_cached(&stage->daemons))
		stage->config.say("fetching Kafka, once");
	if (!child_finish(&stage->daemons.tool, stage->interrupt, KAFKA_TIMEOUT_USEC, error))
		return false;
	stage->config.say("starting outbox-relay and outbox-consumer");
	link_conninfo(stage, LINK_RELAY_SOURCE, source, sizeof(source));
	link_conninfo(stage, LINK_CONSUMER_TARGET, target, sizeof(target));
	return daemons_start(&stage->daemons, source, target, stage->interrupt, error);
}

bool
stage_app_ready(Stage *stage)
{
	return app_ready(&stage->app);
}

static bool
start_app(Stage *stage, Error *error)
{
	char source[CLUSTER_CONNINFO_SIZE];
	char target[CLUSTER_CONNINFO_SIZE];
	char program[CLUSTER_PATH_SIZE];
	AppConfig config = {.dir = stage->config.dir,
						.program = program,
						.target_conninfo = target,
						.source_conninfo = stage->full ? source : NULL,
						.brokers = stage->full ? stage->daemons.broker : NULL,
						.limits = stage->config.limits};
	MonoUsec deadline = clock_mono() + APP_TIMEOUT_USEC;

	memcpy(config.modes, stage->config.modes, sizeof(config.modes));
	snprintf(program, sizeof(program), "%s/outbox-compare", stage->config.program_dir);
	link_conninfo(stage, LINK_APP_SOURCE, source, sizeof(source));
	link_conninfo(stage, LINK_APP_TARGET, target, sizeof(target));
	if (!app_start(&stage->app, &config, error))
		return false;
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
stage_prepare(Stage *stage, Error *error)
{
	Error ignored;

	if (!find_user(stage, error))
		return false;
	/* Without it there is a stage, too. */
	stage->config.small_disk =
		stage->config.small_disk && space_make(stage->space, &stage->server_user, &ignored);
	return true;
}

bool
stage_start(Stage *stage, Error *error)
{
	bool full = stage->full;
	DaemonsConfig daemons = {.dir = stage->config.dir,
							 .tree = stage->config.tree,
							 .program_dir = stage->config.program_dir,
							 .breaker_reset_usec = stage->config.breaker_reset_usec};

	if (!find_server(stage, error) || !make_password(stage, error))
		return false;
	stage->config.say(full ? "starting two PostgreSQL servers and a Kafka broker"
						   : "starting a PostgreSQL server");
	memcpy(daemons.modes, stage->config.modes, sizeof(daemons.modes));
	daemons_init(&stage->daemons, &daemons);
	return make_cluster(stage, &stage->target, "target", false, error) &&
		   (!full || (make_cluster(stage, &stage->source, "source", true, error) &&
					  daemons_start_broker(&stage->daemons, error))) &&
		   start_databases(stage, error) && start_links(stage, error) &&
		   (!full || start_daemons(stage, error)) && start_app(stage, error);
}

void
stage_stop(Stage *stage)
{
	if (stage == NULL)
		return;
	hog_stop(stage->hog);
	/* Clients first: they end in good order as long as their servers are there. */
	app_stop(&stage->app);
	if (stage->full)
		daemons_stop(&stage->daemons);
	cluster_stop(&stage->target);
	cluster_stop(&stage->source);
	cluster_finish(&stage->target);
	cluster_finish(&stage->source);
	proxy_stop(stage->proxy);
	free(stage);
}
