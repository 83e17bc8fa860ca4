/*
 * heartbeat.c
 *	  A transactional logical message that carries the current snapshot: once its
 *	  transaction is confirmed, everything that the snapshot sees was published.
 */
#include "pg_outbox.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/message.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"

#define HEARTBEAT_PREFIX "pg_outbox.heartbeat"

PG_FUNCTION_INFO_V1(outbox_heartbeat);

/* outbox.heartbeat(slot name) returns pg_lsn; content: "<slot> <pg_snapshot>" */
Datum
outbox_heartbeat(PG_FUNCTION_ARGS)
{
	Name slot = PG_GETARG_NAME(0);
	Datum snapshot = DirectFunctionCall1(pg_current_snapshot, (Datum) 0);
	Oid output;
	bool is_varlena;
	char *content;
	XLogRecPtr lsn;

	PreventCommandIfReadOnly("outbox.heartbeat()");
	getTypeOutputInfo(PG_SNAPSHOTOID, &output, &is_varlena);
	content = psprintf("%s %s", NameStr(*slot), OidOutputFunctionCall(output, snapshot));
	lsn = LogLogicalMessage(HEARTBEAT_PREFIX, content, strlen(content), true);
	PG_RETURN_LSN(lsn);
}
