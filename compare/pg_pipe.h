/*
 * pg_pipe.h
 *	  One connection in libpq's pipeline mode, with statements that are prepared:
 *	  what goes out together takes one round trip.
 *
 * A batch ends with one Sync, and its answers are read up to that.  After a failed
 * statement the server skips the rest of its batch; the transaction is the caller's.
 * Every wait has a deadline; when an answer doesn't come, the connection is closed.
 * One thread at a time.
 */
#ifndef OUTBOX_COMPARE_PG_PIPE_H
#define OUTBOX_COMPARE_PG_PIPE_H

#include "clock.h"
#include "error.h"

struct pg_conn;
struct pg_result;

#define PIPE_STATEMENTS_MAX 6
#define PIPE_BATCH_MAX 3

typedef struct PreparedStatement
{
	const char *name;
	const char *sql;
} PreparedStatement;

typedef struct PgPipe
{
	struct pg_conn *conn; /* NULL: closed */
} PgPipe;

typedef struct PgPipeConfig
{
	const char *conninfo;
	const char *options; /* of the server: "-c statement_timeout=1000" */
	int64_t connect_timeout_usec;
	int64_t tcp_user_timeout_usec;
	const PreparedStatement *statements; /* up to PIPE_STATEMENTS_MAX, ended by a NULL name */
} PgPipeConfig;

/* One statement of a batch. */
typedef struct PipeItem
{
	const char *name;
	int count; /* of its parameters, as text */
	const char *const *values;
} PipeItem;

/* Connects and prepares; the pipe is closed before, and after a failure. */
extern MUST_CHECK bool pg_pipe_open(PgPipe *pipe, const PgPipeConfig *config, Error *error);
extern void pg_pipe_close(PgPipe *pipe); /* of one that is closed, too */

/* Open, and the server has not hung up meanwhile.  Does not wait. */
extern bool pg_pipe_alive(PgPipe *pipe);

/*
 * Runs up to PIPE_BATCH_MAX items; false when one of them failed, or the connection
 * did, which is then closed.  *last gets the last one's result, the caller's to
 * clear; last may be NULL.
 */
extern MUST_CHECK bool pg_pipe_run(PgPipe *pipe, const PipeItem *items, int count,
								   MonoUsec deadline, struct pg_result **last, Error *error);

#endif
