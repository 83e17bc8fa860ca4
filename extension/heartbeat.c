/*
 * heartbeat.c
 *	  outbox.heartbeat(slot): a transactional logical message that carries the
 *	  current snapshot.  Once its transaction is confirmed, every event that the
 *	  snapshot sees was published.
 *
 * It works whatever the rights on pg_logical_emit_message are: EXECUTE on this
 * function is the privilege.  The format is docs/protocol.md's.
 */
#include "postgres.h"

#include "access/xlogdefs.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/message.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"

#include "compat.h"

#define HEARTBEAT_PREFIX "pg_outbox.heartbeat"

PG_FUNCTION_INFO_V1(outbox_heartbeat);

/* Returns the end of the message's WAL record. */
Datum
outbox_heartbeat(PG_FUNCTION_ARGS)
{
	Name slot = PG_GETARG_NAME(0);
	Datum snapshot;
	Oid output;
	bool is_varlena;
	char *content;

	PreventCommandIfReadOnly("outbox.heartbeat()");
	PreventCommandIfParallelMode("outbox.heartbeat()");
	snapshot = DirectFunctionCall1(pg_current_snapshot, (Datum) 0);
	getTypeOutputInfo(PG_SNAPSHOTOID, &output, &is_varlena);
	content = psprintf("%s %s", NameStr(*slot), OidOutputFunctionCall(output, snapshot));
	PG_RETURN_LSN(outbox_log_message(HEARTBEAT_PREFIX, content, strlen(content)));
}
