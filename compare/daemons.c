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
#define HANDLERS_LIMIT 32768
#define ARGUMENTS_MAX 4
#define GET_TIMEOUT_USEC (500 * USEC_PER_MS)
static void
add_variable(Variables *variables, const char *name, const char *value)
{
	if (variables->count == VARIABLES_MAX)
		return;
	snprintf(variables->text[variables->count], VARIABLE_SIZE, "%s=%s", name, value);
	variables->list[variables->count] = variables->text[variables->count];
	variables->count++;
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
	snprintf(daemons->brokers, sizeof(daemons->brokers), "127.0.0.1:%s", port);
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
	/* An interrupt must not leave half of it behind. */
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

/* arguments: ended by NULL. */
static bool
start_daemon(Daemons *daemons, Child *child, const char *program, const char *const *arguments,
			 const Variables *variables, Error *error)
{
	char path[CLUSTER_PATH_SIZE];
	char log_path[CLUSTER_PATH_SIZE];
	const char *argv[ARGUMENTS_MAX + 2] = {path};
	ChildSpec spec = {.name = program,
					  .argv = argv,
					  .env = variables->list,
					  .log_path = log_path,
					  .death_signal = SIGKILL};

	for (int i = 0; arguments[i] != NULL && i < ARGUMENTS_MAX; i++)
		argv[i + 1] = arguments[i];
	snprintf(path, sizeof(path), "%s/%s", daemons->config.program_dir, program);
	snprintf(log_path, sizeof(log_path), "%s/%s.log", daemons->config.dir, program);
	return child_start(child, &spec, error);
}

static bool
await_ready(Child *child, int port, Interrupt *interrupt, Error *error)
{
	MonoUsec deadline = clock_mono() + READY_TIMEOUT_USEC;
	Buffer body;
	int status = 0;

	buffer_init(&body, 65536);
	while (status != 200)
	{
		status = scrape_get(port, "/readyz", GET_TIMEOUT_USEC, &body);
		if (status == 200)
			break;
		if (!child_running(child))
		{
			child_error(child, error);
			break;
		}
		if (!interrupt_wait(interrupt, clock_mono() + LOOK_USEC))
		{
			error_transient(error, "interrupted");
			break;
		}
		if (clock_mono() > deadline)
		{
			error_permanent(error, EXIT_SERVER, "%s did not get ready", child->name);
			break;
		}
	}
	buffer_free(&body);
	return status == 200;
}

/* "init", to its end. */
static bool
run_init(Daemons *daemons, const char *program, const char *const *arguments,
		 const Variables *variables, Interrupt *interrupt, Error *error)
{
	return start_daemon(daemons, &daemons->tool, program, arguments, variables, error) &&
		   child_finish(&daemons->tool, interrupt, INIT_TIMEOUT_USEC, error);
}

bool
daemons_run_relay(Daemons *daemons, Error *error)
{
	static const char *const arguments[] = {"run", NULL};

	return start_daemon(daemons, &daemons->relay, "outbox-relay", arguments,
						&daemons->relay_variables, error);
}

bool
daemons_run_consumer(Daemons *daemons, Error *error)
{
	const char *const arguments[] = {"run", "--config", daemons->handlers, NULL};

	return start_daemon(daemons, &daemons->consumer, "outbox-consumer", arguments,
						&daemons->consumer_variables, error);
}

/* It does its work, whatever becomes of those that it talks to. */
static bool
is_healthy(Child *child, int port)
{
	Buffer body;
	int status;

	if (!child_running(child))
		return false;
	buffer_init(&body, 65536);
	status = scrape_get(port, "/healthz", GET_TIMEOUT_USEC, &body);
	buffer_free(&body);
	return status == 200;
}

bool
daemons_relay_serves(Daemons *daemons)
{
	return is_healthy(&daemons->relay, daemons->relay_port);
}

bool
daemons_consumer_serves(Daemons *daemons)
{
	return is_healthy(&daemons->consumer, daemons->consumer_port);
}

static bool
start_relay(Daemons *daemons, const char *conninfo, const char *listen_at, Interrupt *interrupt,
			Error *error)
{
	/* Both kinds of events, rows and messages, go by one slot. */
	bool messages = daemons->config.modes[MODE_OUTBOX_WAL];
	const char *const arguments[] = {"init", messages ? "--wal-messages=on" : NULL, NULL};
	Variables *variables = &daemons->relay_variables;

	add_variable(variables, "OUTBOX_RELAY_POSTGRES_CONNINFO", conninfo);
	add_variable(variables, "OUTBOX_RELAY_KAFKA_BOOTSTRAP_SERVERS", daemons->brokers);
	add_variable(variables, "OUTBOX_RELAY_HTTP_LISTEN", listen_at);
	return run_init(daemons, "outbox-relay", arguments, variables, interrupt, error) &&
		   daemons_run_relay(daemons, error);
}

static bool
write_handlers(const Daemons *daemons, Error *error)
{
	Buffer handlers;
	bool written;

	buffer_init(&handlers, HANDLERS_LIMIT);
	app_handlers_write(daemons->config.modes, &handlers);
	written = handlers.failed ? error_bug(error, "the handlers are too long")
							  : file_write(daemons->handlers, handlers.data, 0644, error);
	buffer_free(&handlers);
	return written;
}

static bool
start_consumer(Daemons *daemons, const char *conninfo, const char *listen_at, Interrupt *interrupt,
			   Error *error)
{
	const char *const arguments[] = {"init", "--config", daemons->handlers, NULL};
	Variables *variables = &daemons->consumer_variables;
	char reset[32];

	snprintf(daemons->handlers, sizeof(daemons->handlers), "%s/consumer.ini", daemons->config.dir);
	if (!write_handlers(daemons, error))
		return false;
	snprintf(reset, sizeof(reset), "%lldms",
			 (long long) (daemons->config.breaker_reset_usec / USEC_PER_MS));
	add_variable(variables, "OUTBOX_CONSUMER_TARGET_CONNINFO", conninfo);
	add_variable(variables, "OUTBOX_CONSUMER_KAFKA_BOOTSTRAP_SERVERS", daemons->brokers);
	add_variable(variables, "OUTBOX_CONSUMER_HTTP_LISTEN", listen_at);
	add_variable(variables, "OUTBOX_CONSUMER_CONSUMER_GROUP", "analytics");
	add_variable(variables, "OUTBOX_CONSUMER_BREAKER_RESET", reset);
	return run_init(daemons, "outbox-consumer", arguments, variables, interrupt, error) &&
		   daemons_run_consumer(daemons, error);
}

bool
daemons_start(Daemons *daemons, const char *source_conninfo, const char *target_conninfo,
			  Interrupt *interrupt, Error *error)
{
	char relay_listen[32];
	char consumer_listen[32];

	daemons->relay_port = port_find();
	daemons->consumer_port = port_find();
	snprintf(relay_listen, sizeof(relay_listen), "127.0.0.1:%d", daemons->relay_port);
	snprintf(consumer_listen, sizeof(consumer_listen), "127.0.0.1:%d", daemons->consumer_port);
	return find_broker(daemons, error) &&
		   kafka_topics_make(daemons->brokers, daemons->config.modes, error) &&
		   start_relay(daemons, source_conninfo, relay_listen, interrupt, error) &&
		   start_consumer(daemons, target_conninfo, consumer_listen, interrupt, error) &&
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
