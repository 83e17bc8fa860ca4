/*
 * pg_watch.c
 *	  When a consumer's progress was seen in the target.
 *
 * A look at it every millisecond, so that a commit is seen up to that much too late.
 */
#include "probe.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "notes.h"

#define LOOK_USEC USEC_PER_MS
#define PARTITIONS_MAX 64
#define PATIENCE_USEC (120 * USEC_PER_SEC)
#define STATEMENT                                                                                  \
	"SELECT \"partition\", next_offset FROM outbox_inbox.progress WHERE group_name = $1"

typedef struct Watcher
{
	PGconn *connection;
	const char *group;
	int64_t next[PARTITIONS_MAX];
	Notes notes;
} Watcher;

/* Notes what has moved; *sum is of the next offsets. */
static bool
look(Watcher *watcher, int64_t *sum, Error *error)
{
	PGresult *result =
		PQexecPrepared(watcher->connection, "look", 1, &watcher->group, NULL, NULL, 0);
	UnixUsec now = clock_wall();
	bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;

	*sum = 0;
	for (int row = 0; ok && row < PQntuples(result); row++)
	{
		int64_t partition = strtoll(PQgetvalue(result, row, 0), NULL, 10);
		int64_t next = strtoll(PQgetvalue(result, row, 1), NULL, 10);

		*sum += next;
		if (partition < 0 || partition >= PARTITIONS_MAX)
			ok = error_bug(error, "too many partitions");
		else if (watcher->next[partition] != next &&
				 !notes_add(&watcher->notes, (int64_t[NOTE_NUMBERS]){partition, next, now}))
			ok = error_bug(error, "more moves than records");
		else
			watcher->next[partition] = next;
	}
	PQclear(result);
	if (!ok && error->error_class == ERROR_CLASS_NONE)
		error_transient(error, "could not look at the progress: %s",
						PQerrorMessage(watcher->connection));
	return ok;
}

static bool
watch_all(Watcher *watcher, int64_t count, Error *error)
{
	MonoUsec began = clock_mono();
	int64_t sum;
	int64_t goal;

	if (!look(watcher, &sum, error))
		return false;
	goal = sum + count;
	probe_ready();
	for (MonoUsec at = began; sum < goal; at = clock_mono() + LOOK_USEC)
	{
		probe_wait(at);
		if (!look(watcher, &sum, error))
			return false;
		if (at > began + PATIENCE_USEC)
			return error_transient(error, "the progress stands at %lld of %lld", (long long) sum,
								   (long long) goal);
	}
	return true;
}

bool
pg_watch(const WatchTask *task, Error *error)
{
	Watcher watcher = {.connection = PQconnectdb(task->conninfo), .group = task->group};
	bool ok;

	ok = PQstatus(watcher.connection) == CONNECTION_OK;
	if (ok)
	{
		PGresult *result = PQprepare(watcher.connection, "look", STATEMENT, 0, NULL);

		ok = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
	}
	if (!ok)
		error_transient(error, "could not connect to the target: %s",
						PQerrorMessage(watcher.connection));
	ok = ok && notes_init(&watcher.notes, (size_t) task->count + PARTITIONS_MAX, 3, error) &&
		 watch_all(&watcher, task->count, error) && notes_print(&watcher.notes, error);
	PQfinish(watcher.connection);
	notes_free(&watcher.notes);
	return ok;
}
