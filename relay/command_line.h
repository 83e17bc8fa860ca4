/*
 * command_line.h
 *	  The command line of outbox-relay, behind the settings: a command and its arguments.
 */
#ifndef OUTBOX_RELAY_COMMAND_LINE_H
#define OUTBOX_RELAY_COMMAND_LINE_H

#include "doctor.h"
#include "peek.h"
#include "pg_init.h"
#include "pg_teardown.h"
#include "repartition.h"
#include "replay.h"
#include "verify.h"

typedef enum Command
{
	COMMAND_NONE,
	COMMAND_INIT,
	COMMAND_RUN,
	COMMAND_PEEK,
	COMMAND_REPLAY,
	COMMAND_VERIFY,
	COMMAND_REPARTITION,
	COMMAND_TEARDOWN,
	COMMAND_DOCTOR,
	COMMAND_STATUS,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_CHECK_CONFIG,
	COMMAND_PRINT_CONFIG,
	COMMAND_PRINT_SAMPLE,
	COMMAND_PRINT_MARKDOWN,
	COMMAND_PRINT_METRICS
} Command;

/* Arguments of single commands. */
typedef struct Requests
{
	InitRequest init;
	PeekRequest peek;
	ReplayRequest replay;
	VerifyRequest verify;
	RepartitionRequest repartition;
	TeardownRequest teardown;
	DoctorRequest doctor;
	bool status_json;
} Requests;

/*
 * What is left of the command line after the settings were taken.  Refuses, PERMANENT with
 * EXIT_CONFIG, what it doesn't know; *command stays COMMAND_NONE when there is none.
 */
extern MUST_CHECK bool command_line_read(int argc, char **argv, Command *command,
										 Requests *requests, Error *error);

/* To standard output, with all settings. */
extern void command_line_help(void);

#endif
