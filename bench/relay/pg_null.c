/*
 * pg_null.c
 *	  The ceiling: what the walsender can send when nobody does anything with it.
 *
 * It asks for the stream as the relay does (relay/pg_source.c), and answers when the server wants an
 * answer.  pg_recvlogical would be such a client, but its --endpos waits for WAL behind that position.
 *
 * Refuses a stream that ends before its goal.
 *
 * Invariants: a message is looked at for its kind and the end of a commit, and freed; nothing is confirmed.
 */
#include "clock.h"
#include "commands.h"
#include "exit_codes.h"
#include "lsn.h"
#include "reader.h"
#include "spent.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#define COMMAND_SIZE 512
#define STATUS_SIZE 34
#define DATA_HEADER 25 /* 'w' and three numbers */

typedef struct Seen
{
	uint64_t frames;
	uint64_t bytes;
	uint64_t transactions;
	PgLsn end_lsn; /* of the last commit */
} Seen;

static bool
fail(PGconn *conn, const char *what, Error *error)
{
	return error_permanent(error, EXIT_SERVER, "%s: %s", what, PQerrorMessage(conn));
}

static PGconn *
connect_for_replication(const char *conninfo, Error *error)
{
	const char *keywords[] = {"dbname", "replication", NULL};
	const char *values[] = {conninfo, "database", NULL};
	PGconn *conn = PQconnectdbParams(keywords, values, 1);

	if (PQstatus(conn) == CONNECTION_OK)
		return conn;
	(void) fail(conn, "could not connect", error);
	PQfinish(conn);
	return NULL;
}

static bool
start(PGconn *conn, const char *slot, const char *publication, Error *error)
{
	char command[COMMAND_SIZE];
	PGresult *result;
	bool ok;

	snprintf(command, sizeof(command),
			 "START_REPLICATION SLOT \"%s\" LOGICAL 0/0 (proto_version '1', "
			 "publication_names '\"%s\"', binary 'true', messages 'true')",
			 slot, publication);
	result = PQexec(conn, command);
	ok = PQresultStatus(result) == PGRES_COPY_BOTH || fail(conn, "could not start", error);
	PQclear(result);
	return ok;
}

/* Says that we are there, and have nothing. */
static bool
answer(PGconn *conn, Error *error)
{
	char message[STATUS_SIZE] = {'r'};

	if (PQputCopyData(conn, message, sizeof(message)) == 1 && PQflush(conn) == 0)
		return true;
	return fail(conn, "could not answer the walsender", error);
}

static bool
take(PGconn *conn, const char *frame, int len, Seen *seen, Error *error)
{
	Reader reader;

	seen->frames++;
	seen->bytes += (uint64_t) len;
	if (frame[0] == 'k')
		return len < 18 || frame[17] == 0 || answer(conn, error);
	if (frame[0] != 'w' || len <= DATA_HEADER || frame[DATA_HEADER] != 'C')
		return true;
	/* 'C', flags, commit LSN, end LSN */
	reader_init(&reader, frame + DATA_HEADER + 10, (size_t) len - DATA_HEADER - 10);
	seen->end_lsn = reader_u64(&reader);
	seen->transactions++;
	return true;
}

static bool
drain(PGconn *conn, PgLsn goal, Seen *seen, Error *error)
{
	while (seen->end_lsn < goal)
	{
		char *frame;
		int len = PQgetCopyData(conn, &frame, 0);
		bool ok;

		if (len <= 0)
			return fail(conn, "the stream ended", error);
		ok = take(conn, frame, len, seen, error);
		PQfreemem(frame);
		if (!ok)
			return false;
	}
	return true;
}

bool
command_null(char **args, Error *error)
{
	PGconn *conn;
	PgLsn goal;
	Seen seen = {0};
	Spent spent;
	bool ok;

	if (!lsn_parse(args[3], strlen(args[3]), &goal))
		return error_permanent(error, EXIT_CONFIG, "\"%s\" is no LSN", args[3]);
	conn = connect_for_replication(args[0], error);
	if (conn == NULL)
		return false;
	spent_begin(&spent, PQbackendPID(conn));
	ok = start(conn, args[1], args[2], error) && drain(conn, goal, &seen, error);
	spent_end(&spent);
	PQfinish(conn);
	if (!ok)
		return false;
	printf("{");
	spent_print(&spent);
	printf(", \"frames\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"transactions\": %" PRIu64 "}\n",
		   seen.frames, seen.bytes, seen.transactions);
	return true;
}
