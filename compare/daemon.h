/*
 * daemon.h
 *	  One outbox-relay or outbox-consumer: how it is started, and started again.
 */
#ifndef OUTBOX_COMPARE_DAEMON_H
#define OUTBOX_COMPARE_DAEMON_H

#include "child.h"
#include "error.h"
#include "interrupt.h"

#define DAEMON_VARIABLES 8
#define DAEMON_VARIABLE_SIZE 1152
#define DAEMON_PATH_SIZE 512

typedef struct DaemonSetup
{
	const char *program;
	const char *program_dir;
	char config_path[DAEMON_PATH_SIZE]; /* "": none */
	char log_path[DAEMON_PATH_SIZE];
	char variables[DAEMON_VARIABLES][DAEMON_VARIABLE_SIZE]; /* "NAME=value" */
	int variable_count;
} DaemonSetup;

/* Both strings must stay; its log is PROGRAM.log in the directory. */
extern void daemon_init(DaemonSetup *setup, const char *program, const char *program_dir,
						const char *dir);
extern void daemon_set(DaemonSetup *setup, const char *name, const char *value);
extern void daemon_listen(DaemonSetup *setup, const char *name, int port); /* at 127.0.0.1 */

/* argument: one more, or NULL. */
extern MUST_CHECK bool daemon_start(const DaemonSetup *setup, Child *child, const char *command,
									const char *argument, Error *error);

/* GET of that path answers with 200; may wait for a short time. */
extern bool daemon_answers(int port, const char *path);

/* Until /readyz does. */
extern MUST_CHECK bool daemon_await(Child *child, int port, Interrupt *interrupt, Error *error);

#endif
