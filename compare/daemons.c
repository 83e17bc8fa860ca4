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
#include "scrape.h"

#define INIT_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define READY_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define STOP_WAIT_USEC (3 * USEC_PER_SEC)
#define KILL_WAIT_USEC (20 * USEC_PER_SEC)
#define LOOK_USEC (20 * USEC_PER_MS)
#define GET_TIMEOUT_USEC (500 * USEC_PER_MS)
#define HANDLERS_LIMIT 32768
#define READY_LIMIT 65536
#define ARGUMENTS_MAX 6

static void
add_variable(DaemonSetup *setup, const char *name, const char *value)
{
	if (setup->variable_count < DAEMON_VARIABLES)
		snprintf(setup->variables[setup->variable_count++], DAEMON_VARIABLE_SIZE, "%s=%s", name,
				 value);
}

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

/* argument: one more, or NULL. */
static bool
start_daemon(Daemons *daemons, Child *child, const DaemonSetup *setup, const char *command,
			 const char *argument, Error *error)
{
	char path[CLUSTER_PATH_SIZE];
	char log_path[CLUSTER_PATH_SIZE];
	const char *argv[ARGUMENTS_MAX] = {path, command};
	const char *env[DAEMON_VARIABLES + 1] = {NULL};
	int count = 2;
	ChildSpec spec = {.name = setup->program,
					  .argv = argv,
					  .env = env,
					  .log_path = log_path,
					  .death_signal = SIGKILL};

	if (argument != NULL)
		argv[count++] = argument;
	if (setup->config_path[0] != '\0')
	{
		argv[count++] = "--config";
		argv[count++] = setup->config_path;
	}
	for (int i = 0; i < setup->variable_count; i++)
		env[i] = setup->variables[i];
	snprintf(path, sizeof(path), "%s/%s", daemons->config.program_dir, setup->program);
	snprintf(log_path, sizeof(log_path), "%s/%s.log", daemons->config.dir, setup->program);
	return child_start(child, &spec, error);
}

static bool
answers(int port, const char *path)
{
	Buffer body;
	int status;

	buffer_init(&body, READY_LIMIT);
	status = scrape_get(port, path, GET_TIMEOUT_USEC, &body);
	buffer_free(&body);
	return status == 200;
}

static bool
await_ready(Child *child, int port, Interrupt *interrupt, Error *error)
{
	MonoUsec deadline = clock_mono() + READY_TIMEOUT_USEC;

	while (!answers(port, "/readyz"))
	{
		if (!child_running(child))
			return child_error(child, error);
		if (!interrupt_wait(interrupt, clock_mono() + LOOK_USEC))
			return error_transient(error, "interrupted");
		if (clock_mono() > deadline)
			return error_permanent(error, EXIT_SERVER, "%s did not get ready", child->name);
	}
	return true;
}

/* "init" to its end; argument: one more of its arguments, or NULL. */
static bool
init_daemon(Daemons *daemons, const DaemonSetup *setup, const char *argument, Interrupt *interrupt,
			Error *error)
{
	return start_daemon(daemons, &daemons->tool, setup, "init", argument, error) &&
		   child_finish(&daemons->tool, interrupt, INIT_TIMEOUT_USEC, error);
}

static void
listen_at(DaemonSetup *setup, const char *name, int port)
{
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	add_variable(setup, name, address);
}

static void
set_up_relay(Daemons *daemons, const char *conninfo)
{
	DaemonSetup *setup = &daemons->relay_setup;

	*setup = (DaemonSetup){.program = "outbox-relay"};
	add_variable(setup, "OUTBOX_RELAY_POSTGRES_CONNINFO", conninfo);
	add_variable(setup, "OUTBOX_RELAY_KAFKA_BOOTSTRAP_SERVERS", daemons->broker);
	listen_at(setup, "OUTBOX_RELAY_HTTP_LISTEN", daemons->relay_port);
	/* So that it is soon known that nothing is on its way any more. */
	add_variable(setup, "OUTBOX_RELAY_HEARTBEAT_INTERVAL", "1s");
	add_variable(setup, "OUTBOX_RELAY_FEEDBACK_INTERVAL", "1s");
}

static bool
set_up_consumer(Daemons *daemons, const char *conninfo, Error *error)
{
	DaemonSetup *setup = &daemons->consumer_setup;
	Buffer handlers;
	char reset[32];
	bool written;

	*setup = (DaemonSetup){.program = "outbox-consumer"};
	snprintf(setup->config_path, sizeof(setup->config_path), "%.480s/consumer.ini",
			 daemons->config.dir);
	snprintf(reset, sizeof(reset), "%lldms",
			 (long long) (daemons->config.breaker_reset_usec / USEC_PER_MS));
	add_variable(setup, "OUTBOX_CONSUMER_TARGET_CONNINFO", conninfo);
	add_variable(setup, "OUTBOX_CONSUMER_KAFKA_BOOTSTRAP_SERVERS", daemons->broker);
	listen_at(setup, "OUTBOX_CONSUMER_HTTP_LISTEN", daemons->consumer_port);
	add_variable(setup, "OUTBOX_CONSUMER_CONSUMER_GROUP", "analytics");
	add_variable(setup, "OUTBOX_CONSUMER_BREAKER_RESET", reset);

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
	return start_daemon(daemons, &daemons->relay, &daemons->relay_setup, "run", NULL, error);
}

bool
daemons_run_consumer(Daemons *daemons, Error *error)
{
	return start_daemon(daemons, &daemons->consumer, &daemons->consumer_setup, "run", NULL, error);
}

bool
daemons_relay_serves(const Daemons *daemons)
{
	return answers(daemons->relay_port, "/healthz");
}

bool
daemons_consumer_serves(const Daemons *daemons)
{
	return answers(daemons->consumer_port, "/healthz");
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
		   await_ready(&daemons->relay, daemons->relay_port, interrupt, error) &&
		   await_ready(&daemons->consumer, daemons->consumer_port, interrupt, error);
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
