/*
 * daemons.c
 *	  Command lines and environments of the daemons.
 *
 * All settings go through the environment; only the handlers are in a file.
 */
#include "daemons.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_schema.h"
#include "cluster.h"
#include "exit_codes.h"
#include "files.h"
#include "kafka_topics.h"
#include "port.h"

#define INIT_TIMEOUT_USEC (120 * USEC_PER_SEC)
#define STOP_WAIT_USEC (3 * USEC_PER_SEC)
#define KILL_WAIT_USEC (20 * USEC_PER_SEC)
#define HANDLERS_LIMIT 32768

void
daemons_init(Daemons *daemons, const DaemonsConfig *config)
{
	memset(daemons, 0, sizeof(*daemons));
	daemons->config = *config;
}

/* -------------------------------------------------------------------------
 * the broker
 * ------------------------------------------------------------------------- */

static bool
run_kafka(Daemons *daemons, const char *verb, Error *error)
{
	char program[CLUSTER_PATH_SIZE];
	char directory[CLUSTER_PATH_SIZE];
	char log_path[CLUSTER_PATH_SIZE];
	const char *const argv[] = {program, verb, directory, NULL};
	ChildSpec spec = {
		.name = "scripts/kafka", .argv = argv, .log_path = log_path, .death_signal = SIGKILL};

	snprintf(program, sizeof(program), "%s/scripts/kafka", daemons->config.tree);
	snprintf(directory, sizeof(directory), "%s/kafka", daemons->config.dir);
	snprintf(log_path, sizeof(log_path), "%s/kafka-tool.log", daemons->config.dir);
	return child_start(&daemons->tool, &spec, error);
}

bool
daemons_broker_cached(const Daemons *daemons)
{
	char path[CLUSTER_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/build/kafka/libs", daemons->config.tree);
	return access(path, F_OK) == 0;
}

bool
daemons_start_broker(Daemons *daemons, Error *error)
{
	daemons->broker_wanted = true;
	return run_kafka(daemons, "start", error);
}

static bool
read_broker_file(const Daemons *daemons, const char *name, char *line, size_t size, Error *error)
{
	char path[CLUSTER_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/kafka/%s", daemons->config.dir, name);
	return file_read_line(path, line, size, error);
}

static bool
find_broker(Daemons *daemons, Error *error)
{
	char port[16];

	if (!read_broker_file(daemons, "port", port, sizeof(port), error))
		return false;
	snprintf(daemons->broker, sizeof(daemons->broker), "127.0.0.1:%s", port);
	return true;
}

pid_t
daemons_broker_pid(const Daemons *daemons)
{
	char pid[16];
	Error ignored;

	if (!read_broker_file(daemons, "pid", pid, sizeof(pid), &ignored))
		return 0;
	return (pid_t) strtol(pid, NULL, 10);
}

bool
daemons_kill_broker(Daemons *daemons, Error *error)
{
	if (!run_kafka(daemons, "kill", error))
		return false;
	if (!child_wait(&daemons->tool, KILL_WAIT_USEC))
		return error_permanent(error, EXIT_SERVER, "the broker could not be killed");
	return daemons->tool.status == 0 || child_error(&daemons->tool, error);
}

bool
daemons_restart_broker(Daemons *daemons, Error *error)
{
	return run_kafka(daemons, "restart", error);
}

/* -------------------------------------------------------------------------
 * relay and consumer
 * ------------------------------------------------------------------------- */

/* "init" to its end; argument: one more of its arguments, or NULL. */
static bool
init_daemon(Daemons *daemons, const DaemonSetup *setup, const char *argument, Interrupt *interrupt,
			Error *error)
{
	return daemon_start(setup, &daemons->tool, "init", argument, error) &&
		   child_finish(&daemons->tool, interrupt, INIT_TIMEOUT_USEC, error);
}

static void
set_up_relay(Daemons *daemons, const char *conninfo)
{
	DaemonSetup *setup = &daemons->relay_setup;

	daemon_init(setup, "outbox-relay", daemons->config.program_dir, daemons->config.dir);
	daemon_set(setup, "OUTBOX_RELAY_POSTGRES_CONNINFO", conninfo);
	daemon_set(setup, "OUTBOX_RELAY_KAFKA_BOOTSTRAP_SERVERS", daemons->broker);
	daemon_listen(setup, "OUTBOX_RELAY_HTTP_LISTEN", daemons->relay_port);
	/* So that it is soon known that nothing is on its way any more. */
	daemon_set(setup, "OUTBOX_RELAY_HEARTBEAT_INTERVAL", "1s");
	daemon_set(setup, "OUTBOX_RELAY_FEEDBACK_INTERVAL", "1s");
}

static bool
set_up_consumer(Daemons *daemons, const char *conninfo, Error *error)
{
	DaemonSetup *setup = &daemons->consumer_setup;
	Buffer handlers;
	char reset[32];
	bool written;

	daemon_init(setup, "outbox-consumer", daemons->config.program_dir, daemons->config.dir);
	snprintf(setup->config_path, sizeof(setup->config_path), "%.480s/consumer.ini",
			 daemons->config.dir);
	snprintf(reset, sizeof(reset), "%lldms",
			 (long long) (daemons->config.breaker_reset_usec / USEC_PER_MS));
	daemon_set(setup, "OUTBOX_CONSUMER_TARGET_CONNINFO", conninfo);
	daemon_set(setup, "OUTBOX_CONSUMER_KAFKA_BOOTSTRAP_SERVERS", daemons->broker);
	daemon_listen(setup, "OUTBOX_CONSUMER_HTTP_LISTEN", daemons->consumer_port);
	daemon_set(setup, "OUTBOX_CONSUMER_CONSUMER_GROUP", "analytics");
	daemon_set(setup, "OUTBOX_CONSUMER_BREAKER_RESET", reset);

	buffer_init(&handlers, HANDLERS_LIMIT);
	app_handlers_write(daemons->config.modes, &handlers);
	written = handlers.failed ? error_bug(error, "the handlers are too long")
							  : file_write(setup->config_path, handlers.data, 0644, error);
	buffer_free(&handlers);
	return written;
}

bool
daemons_run_relay(Daemons *daemons, Error *error)
{
	return daemon_start(&daemons->relay_setup, &daemons->relay, "run", NULL, error);
}

bool
daemons_run_consumer(Daemons *daemons, Error *error)
{
	return daemon_start(&daemons->consumer_setup, &daemons->consumer, "run", NULL, error);
}

bool
daemons_relay_serves(const Daemons *daemons)
{
	return daemon_answers(daemons->relay_port, "/healthz");
}

bool
daemons_consumer_serves(const Daemons *daemons)
{
	return daemon_answers(daemons->consumer_port, "/healthz");
}

bool
daemons_start(Daemons *daemons, const char *source_conninfo, const char *target_conninfo,
			  Interrupt *interrupt, Error *error)
{
	const char *messages = daemons->config.modes[MODE_OUTBOX_WAL] ? "--wal-messages=on" : NULL;

	daemons->relay_port = port_find();
	daemons->consumer_port = port_find();
	if (!find_broker(daemons, error))
		return false;
	set_up_relay(daemons, source_conninfo);
	return set_up_consumer(daemons, target_conninfo, error) &&
		   kafka_topics_make(daemons->broker, daemons->config.modes, error) &&
		   init_daemon(daemons, &daemons->relay_setup, messages, interrupt, error) &&
		   daemons_run_relay(daemons, error) &&
		   init_daemon(daemons, &daemons->consumer_setup, NULL, interrupt, error) &&
		   daemons_run_consumer(daemons, error) &&
		   daemon_await(&daemons->relay, daemons->relay_port, interrupt, error) &&
		   daemon_await(&daemons->consumer, daemons->consumer_port, interrupt, error);
}

void
daemons_stop(Daemons *daemons)
{
	Error ignored;

	child_kill(&daemons->tool);
	child_signal(&daemons->relay, SIGTERM);
	child_signal(&daemons->consumer, SIGTERM);
	child_wait(&daemons->relay, STOP_WAIT_USEC);
	child_wait(&daemons->consumer, STOP_WAIT_USEC);
	child_kill(&daemons->relay);
	child_kill(&daemons->consumer);
	/* Nobody needs the broker's data any more, so it need not go in order. */
	if (daemons->broker_wanted && run_kafka(daemons, "kill", &ignored))
		child_wait(&daemons->tool, KILL_WAIT_USEC);
}
