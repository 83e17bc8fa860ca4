/*
 * pg_writer_sql.h
 *	  The statements of the ingest server's transactions.
 *
 * Parameters: mode, driver, latitude, longitude, heading, speed, accuracy, status,
 * time, request id; of those that emit an event, its payload before the version
 * and behind it, too.
 */
#ifndef OUTBOX_COMPARE_PG_WRITER_SQL_H
#define OUTBOX_COMPARE_PG_WRITER_SQL_H

#include "mode.h"
#include "pg_pipe.h"

#define CLAIM_PARAMS 9
#define STORE_PARAMS 10
#define EMIT_PARAMS 12

/*
 * Of a mode, ended by a NULL name:
 *	begin, commit, rollback
 *	store	does everything, and gives the version
 *	claim	takes the lock of the driver's row, and changes nothing that store doesn't
 *	look	gives the version of a request that is there (mode, request id)
 */
extern const PreparedStatement *pg_writer_statements(Mode mode);

#endif
