/*
 * failpoint.c
 *	  What becomes of failpoints: they are listed, armed and reached.
 *
 * Refuses names that the program doesn't have, or has twice, and arming one twice.
 *
 * Invariants: the list is a section of the program, which the linker puts together of one pointer for each
 * place; nothing is written to a failpoint after the start but by the thread that passes it.
 */
#include "failpoint.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exit_codes.h"

#define VARIABLE "OUTBOX_FAILPOINTS"
#define LINE_SIZE 256

/* The linker's; weak, because a program may have none. */
extern Failpoint *const __start_outbox_failpoints[] __attribute__((weak, visibility("hidden")));
extern Failpoint *const __stop_outbox_failpoints[] __attribute__((weak, visibility("hidden")));

static const char *const action_names[] = {
	[FAILPOINT_FAIL] = "error", [FAILPOINT_CRASH] = "crash", [FAILPOINT_PAUSE] = "pause"};

#define ACTIONS (sizeof(action_names) / sizeof(action_names[0]))

static size_t
count_all(void)
{
	return (size_t) (__stop_outbox_failpoints - __start_outbox_failpoints);
}

static bool
is_name(const char *text, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(text, name, len) == 0;
}

static Failpoint *
find(const char *text, size_t len)
{
	for (size_t i = 0; i < count_all(); i++)
	{
		if (is_name(text, len, __start_outbox_failpoints[i]->name))
			return __start_outbox_failpoints[i];
	}
	return NULL;
}

/* -------------------------------------------------------------------------
 * the start
 * -------------------------------------------------------------------------
 */

static bool
check_names(Error *error)
{
	for (size_t i = 0; i < count_all(); i++)
	{
		const char *name = __start_outbox_failpoints[i]->name;

		if (find(name, strlen(name)) != __start_outbox_failpoints[i])
			return error_bug(error, "the failpoint \"%s\" stands at two places", name);
	}
	return true;
}

/* ACTION[@N] */
static bool
take_action(Failpoint *failpoint, const char *text, size_t len)
{
	const char *at = memchr(text, '@', len);
	size_t action_len = at != NULL ? (size_t) (at - text) : len;
	char *rest = NULL;

	failpoint->at = 1;
	if (at != NULL)
	{
		failpoint->at = strtoul(at + 1, &rest, 10);
		if (rest != text + len || at[1] < '1' || at[1] > '9')
			return false;
	}
	for (size_t i = FAILPOINT_FAIL; i < ACTIONS; i++)
	{
		if (is_name(text, action_len, action_names[i]))
			failpoint->action = (FailpointAction) i;
	}
	return failpoint->action != FAILPOINT_NONE;
}

static bool
arm_one(const char *text, size_t len, Error *error)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals != NULL ? (size_t) (equals - text) : len;
	Failpoint *failpoint = find(text, name_len);

	if (failpoint == NULL)
	{
		error_permanent(error, EXIT_CONFIG, VARIABLE ": there is no failpoint \"%.*s\"",
						(int) name_len, text);
		return error_hint(error, "--list-failpoints prints those that there are.");
	}
	if (failpoint->action != FAILPOINT_NONE)
		return error_permanent(error, EXIT_CONFIG, VARIABLE ": \"%s\" is named twice",
							   failpoint->name);
	if (equals != NULL && take_action(failpoint, equals + 1, len - name_len - 1))
		return true;
	error_permanent(error, EXIT_CONFIG, VARIABLE ": \"%.*s\" isn't to be understood", (int) len,
					text);
	return error_hint(error, "It is NAME=ACTION or NAME=ACTION@N, with error, crash or pause and "
							 "a number from 1 on, and commas between several.");
}

bool
failpoints_arm(Error *error)
{
	const char *text = getenv(VARIABLE);

	if (!check_names(error))
		return false;
	while (text != NULL && *text != '\0')
	{
		size_t len = strcspn(text, ",");

		if (!arm_one(text, len, error))
			return false;
		text += len + (text[len] == ',');
	}
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp((*(Failpoint *const *) a)->name, (*(Failpoint *const *) b)->name);
}

bool
failpoints_listed(int argc, char **argv)
{
	Failpoint **sorted;

	if (argc != 2 || strcmp(argv[1], "--list-failpoints") != 0)
		return false;
	sorted = calloc(count_all() + 1, sizeof(*sorted));
	if (sorted == NULL)
		return false;
	for (size_t i = 0; i < count_all(); i++)
		sorted[i] = __start_outbox_failpoints[i];
	qsort(sorted, count_all(), sizeof(*sorted), compare_names);
	for (size_t i = 0; i < count_all(); i++)
		puts(sorted[i]->name);
	free(sorted);
	return true;
}

/* -------------------------------------------------------------------------
 * on the way
 * -------------------------------------------------------------------------
 */

/* In one call, so that it is whole in a log that others write, too. */
static void
tell(const Failpoint *failpoint)
{
	char line[LINE_SIZE];
	int len = snprintf(line, sizeof(line), "{\"failpoint\":\"%s\",\"action\":\"%s\",\"hit\":%lu}\n",
					   failpoint->name, action_names[failpoint->action], failpoint->hits);

	if (write(STDERR_FILENO, line, (size_t) len) < 0)
		return; /* whoever doesn't listen knows it all the same */
}

bool
failpoint_reached(Failpoint *failpoint)
{
	if (failpoint->action == FAILPOINT_NONE || ++failpoint->hits != failpoint->at)
		return false;
	tell(failpoint);
	/* To this thread, which then is stopped before it does anything else. */
	if (failpoint->action == FAILPOINT_CRASH)
		(void) raise(SIGKILL);
	else if (failpoint->action == FAILPOINT_PAUSE)
		(void) raise(SIGSTOP);
	return failpoint->action == FAILPOINT_FAIL;
}

bool
failpoint_fill(Error *error, const char *name)
{
	return !error_transient(error, "failpoint \"%s\"", name);
}
