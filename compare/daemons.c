/*
 * daemons.c
 *	  Command lines and environments of the daemons.
 *
 * All settings go through the environment; only the handlers are in a file.
 */
#include "daemons.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app_schema.h"
#include "cluster.h"
#include "exit_codes.h"
#include "files.h"
#include "port.h"
#include "scrape.h"

#define INIT_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define READY_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define STOP_WAIT_USEC (3 * USEC_PER_SEC)
#define KILL_WAIT_USEC (20 * USEC_PER_SEC)
#define LOOK_USEC (20 * USEC_PER_MS)
#define GET_TIMEOUT_USEC (500 * USEC_PER_MS)
#define VARIABLES_MAX 8
#define VARIABLE_SIZE (CLUSTER_CONNINFO_SIZE + 64)

/* "NAME=value" strings for child_start(). */
typedef struct Variables
{
	char text[VARIABLES_MAX][VARIABLE_SIZE];
	const char *list[VARIABLES_MAX + 1];
	int count;
} Variables;

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
broker_address(const Daemons *daemons, char *address, size_t size, Error *error)
{
	char path[CLUSTER_PATH_SIZE];
	char port[16];

	snprintf(path, sizeof(path), "%s/kafka/port", daemons->config.dir);
	if (!file_read_line(path, port, sizeof(port), error))
		return false;
	snprintf(address, size, "127.0.0.1:%s", port);
	return true;
}

/* -------------------------------------------------------------------------
 * relay and consumer
 * ------------------------------------------------------------------------- */

static bool
start_daemon(Daemons *daemons, Child *child, const char *program, const char *command,
			 const char *handlers, const Variables *variables, Error *error)
{
	char path[CLUSTER_PATH_SIZE];
	char log_path[CLUSTER_PATH_SIZE];
	const char *const argv[] = {path, command, handlers != NULL ? "--config" : NULL, handlers,
								NULL};
	ChildSpec spec = {.name = program,
					  .argv = argv,
					  .env = variables->list,
					  .log_path = log_path,
					  .death_signal = SIGKILL};

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

/* "init" to its end, then "run". */
static bool
init_and_run(Daemons *daemons, Child *child, const char *program, const char *handlers,
			 const Variables *variables, Interrupt *interrupt, Error *error)
{
	return start_daemon(daemons, &daemons->tool, program, "init", handlers, variables, error) &&
		   child_finish(&daemons->tool, interrupt, INIT_TIMEOUT_USEC, error) &&
		   start_daemon(daemons, child, program, "run", handlers, variables, error);
}

static bool
start_relay(Daemons *daemons, const char *conninfo, const char *broker, const char *listen_at,
			Interrupt *interrupt, Error *error)
{
	Variables variables = {.count = 0};

	add_variable(&variables, "OUTBOX_RELAY_POSTGRES_CONNINFO", conninfo);
	add_variable(&variables, "OUTBOX_RELAY_KAFKA_BOOTSTRAP_SERVERS", broker);
	add_variable(&variables, "OUTBOX_RELAY_HTTP_LISTEN", listen_at);
	return init_and_run(daemons, &daemons->relay, "outbox-relay", NULL, &variables, interrupt,
						error);
}

static bool
start_consumer(Daemons *daemons, const char *conninfo, const char *broker, const char *listen_at,
			   Interrupt *interrupt, Error *error)
{
	Variables variables = {.count = 0};
	char handlers[CLUSTER_PATH_SIZE];
	char reset[32];

	snprintf(handlers, sizeof(handlers), "%s/consumer.ini", daemons->config.dir);
	if (!file_write(handlers, app_handlers_ini, 0644, error))
		return false;
	snprintf(reset, sizeof(reset), "%lldms",
			 (long long) (daemons->config.breaker_reset_usec / USEC_PER_MS));
	add_variable(&variables, "OUTBOX_CONSUMER_TARGET_CONNINFO", conninfo);
	add_variable(&variables, "OUTBOX_CONSUMER_KAFKA_BOOTSTRAP_SERVERS", broker);
	add_variable(&variables, "OUTBOX_CONSUMER_HTTP_LISTEN", listen_at);
	add_variable(&variables, "OUTBOX_CONSUMER_CONSUMER_GROUP", "analytics");
	add_variable(&variables, "OUTBOX_CONSUMER_BREAKER_RESET", reset);
	return init_and_run(daemons, &daemons->consumer, "outbox-consumer", handlers, &variables,
						interrupt, error);
}

bool
daemons_start(Daemons *daemons, const char *source_conninfo, const char *target_conninfo,
			  Interrupt *interrupt, Error *error)
{
	char broker[64];
	char relay_listen[32];
	char consumer_listen[32];

	daemons->relay_port = port_find();
	daemons->consumer_port = port_find();
	snprintf(relay_listen, sizeof(relay_listen), "127.0.0.1:%d", daemons->relay_port);
	snprintf(consumer_listen, sizeof(consumer_listen), "127.0.0.1:%d", daemons->consumer_port);
	return broker_address(daemons, broker, sizeof(broker), error) &&
		   start_relay(daemons, source_conninfo, broker, relay_listen, interrupt, error) &&
		   start_consumer(daemons, target_conninfo, broker, consumer_listen, interrupt, error) &&
		   await_ready(&daemons->relay, daemons->relay_port, interrupt, error) &&
		   await_ready(&daemons->consumer, daemons->consumer_port, interrupt, error);
}

bool
daemons_check(Daemons *daemons, Error *error)
{
	if (!child_running(&daemons->relay))
		return child_error(&daemons->relay, error);
	return child_running(&daemons->consumer) || child_error(&daemons->consumer, error);
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
