/*
 * daemon.c
 *	  Command line and environment of a daemon.
 */
#include "daemon.h"

#include <signal.h>
#include <stdio.h>

#include "exit_codes.h"
#include "scrape.h"

#define READY_TIMEOUT_USEC (120 * USEC_PER_SEC)
#define LOOK_USEC (20 * USEC_PER_MS)
#define GET_TIMEOUT_USEC (500 * USEC_PER_MS)
#define READY_LIMIT 65536
#define ARGUMENTS_MAX 6

void
daemon_init(DaemonSetup *setup, const char *program, const char *program_dir, const char *dir)
{
	*setup = (DaemonSetup){.program = program, .program_dir = program_dir};
	snprintf(setup->log_path, sizeof(setup->log_path), "%.450s/%s.log", dir, program);
}

void
daemon_set(DaemonSetup *setup, const char *name, const char *value)
{
	if (setup->variable_count < DAEMON_VARIABLES)
		snprintf(setup->variables[setup->variable_count++], DAEMON_VARIABLE_SIZE, "%s=%s", name,
				 value);
}

void
daemon_listen(DaemonSetup *setup, const char *name, int port)
{
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	daemon_set(setup, name, address);
}

bool
daemon_start(const DaemonSetup *setup, Child *child, const char *command, const char *argument,
			 Error *error)
{
	char path[DAEMON_PATH_SIZE];
	const char *argv[ARGUMENTS_MAX] = {path, command};
	const char *env[DAEMON_VARIABLES + 1] = {NULL};
	int count = 2;
	ChildSpec spec = {.name = setup->program,
					  .argv = argv,
					  .env = env,
					  .log_path = setup->log_path,
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
	snprintf(path, sizeof(path), "%s/%s", setup->program_dir, setup->program);
	return child_start(child, &spec, error);
}

bool
daemon_answers(int port, const char *path)
{
	Buffer body;
	int status;

	buffer_init(&body, READY_LIMIT);
	status = scrape_get(port, path, GET_TIMEOUT_USEC, &body);
	buffer_free(&body);
	return status == 200;
}

bool
daemon_await(Child *child, int port, Interrupt *interrupt, Error *error)
{
	MonoUsec deadline = clock_mono() + READY_TIMEOUT_USEC;

	while (!daemon_answers(port, "/readyz"))
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
