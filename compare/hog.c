/*
 * hog.c
 *	  Sessions until the server says 53300, then the end of all sessions but ours,
 *	  again until nobody else is there.
 */
#include "hog.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "exit_codes.h"
#include "pg_session.h"

#define SESSIONS_MAX 1000
#define TIMEOUT_USEC (5 * USEC_PER_SEC)
#define LIMIT_USEC (10 * USEC_PER_SEC)
#define HOG_NAME "outbox-compare hog"

struct Hog
{
	PgSession *sessions[SESSIONS_MAX];
	int count;
};

static bool
take_one(Hog *hog, const char *conninfo, Error *error)
{
	PgSession *session = pg_session_open(conninfo, TIMEOUT_USEC, error);

	if (session == NULL)
		return false;
	hog->sessions[hog->count++] = session;
	return pg_session_run(session, "SET application_name = '" HOG_NAME "'", error);
}

/* True when the server has no more; false with an error that is another one. */
static bool
take_all(Hog *hog, const char *conninfo, Error *error)
{
	while (hog->count < SESSIONS_MAX)
	{
		if (!take_one(hog, conninfo, error))
			return strstr(error->message, "too many") != NULL ||
				   strstr(error->message, "remaining connection slots") != NULL;
	}
	return error_permanent(error, EXIT_SERVER, "the server has more than %d connections",
						   SESSIONS_MAX);
}

/* Ends all sessions but ours; how many there were. */
static bool
end_others(const Hog *hog, int64_t *count, Error *error)
{
	return pg_session_number(hog->sessions[0],
							 "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
							 " WHERE backend_type = 'client backend'"
							 " AND application_name <> '" HOG_NAME "'",
							 count, error);
}

/* A place that somebody else took meanwhile is taken in the next round. */
static bool
take_places(Hog *hog, const char *conninfo, Error *error)
{
	MonoUsec limit = clock_mono() + LIMIT_USEC;
	int64_t count = 1;

	while (count > 0)
	{
		if (!take_all(hog, conninfo, error))
			return false;
		if (hog->count > 0 && !end_others(hog, &count, error))
			return false;
		if (clock_mono() > limit)
			return error_permanent(error, EXIT_SERVER,
								   "could not take all connections of the server");
	}
	return true;
}

Hog *
hog_start(const char *conninfo, Error *error)
{
	Hog *hog = calloc(1, sizeof(*hog));

	if (hog == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	if (take_places(hog, conninfo, error))
		return hog;
	hog_stop(hog);
	return NULL;
}

void
hog_stop(Hog *hog)
{
	if (hog == NULL)
		return;
	for (int i = 0; i < hog->count; i++)
		pg_session_close(hog->sessions[i]);
	free(hog);
}
