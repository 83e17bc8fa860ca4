/*
 * emit.c
 *	  outbox.emit(): writes one event in the caller's transaction.
 *
 * The privilege is EXECUTE on the function.  Everything that isn't about arguments is
 * in write.c.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "check.h"
#include "write.h"

PG_FUNCTION_INFO_V1(outbox_emit_json);
PG_FUNCTION_INFO_V1(outbox_emit_jsonb);
PG_FUNCTION_INFO_V1(outbox_emit_text);
PG_FUNCTION_INFO_V1(outbox_emit_bytea);

/* Arguments of every overload. */
enum
{
	ARG_AGGREGATETYPE,
	ARG_AGGREGATEID,
	ARG_TYPE,
	ARG_PAYLOAD,
	ARG_HEADERS,
	ARG_ID
};

/* The event as far as its arguments are the same in every overload. */
static Datum
emit(FunctionCallInfo fcinfo, OutboxEvent *event)
{
	pg_uuid_t *id = palloc(sizeof(pg_uuid_t));

	if (!PG_ARGISNULL(ARG_AGGREGATETYPE))
		event->aggregatetype = PG_GETARG_TEXT_PP(ARG_AGGREGATETYPE);
	if (!PG_ARGISNULL(ARG_AGGREGATEID))
		event->aggregateid = PG_GETARG_TEXT_PP(ARG_AGGREGATEID);
	if (!PG_ARGISNULL(ARG_TYPE))
		event->type = PG_GETARG_TEXT_PP(ARG_TYPE);
	if (!PG_ARGISNULL(ARG_HEADERS))
		event->headers = PG_GETARG_JSONB_P(ARG_HEADERS);
	if (!PG_ARGISNULL(ARG_ID))
		event->id = PG_GETARG_UUID_P(ARG_ID);
	if (!outbox_write_event(event, "outbox.emit()", id))
		PG_RETURN_NULL();
	PG_RETURN_UUID_P(id);
}

Datum
outbox_emit_json(PG_FUNCTION_ARGS)
{
	OutboxEvent event = {0};

	if (!PG_ARGISNULL(ARG_PAYLOAD))
		event.payload = PG_GETARG_TEXT_PP(ARG_PAYLOAD);
	return emit(fcinfo, &event);
}

/* As PostgreSQL writes it. */
static text *
jsonb_as_text(Jsonb *jsonb)
{
	StringInfoData out;

	initStringInfo(&out);
	enlargeStringInfo(&out, VARSIZE(jsonb) + VARHDRSZ);
	appendStringInfoSpaces(&out, VARHDRSZ);
	(void) JsonbToCString(&out, &jsonb->root, VARSIZE(jsonb));
	SET_VARSIZE(out.data, out.len);
	return (text *) out.data;
}

Datum
outbox_emit_jsonb(PG_FUNCTION_ARGS)
{
	OutboxEvent event = {0};

	if (!PG_ARGISNULL(ARG_PAYLOAD))
		event.payload = jsonb_as_text(PG_GETARG_JSONB_P(ARG_PAYLOAD));
	return emit(fcinfo, &event);
}

/*
 * Takes what has no type of its own, such as string literals and untyped parameters,
 * and makes a plain NULL unambiguous.  It has to be JSON.
 */
Datum
outbox_emit_text(PG_FUNCTION_ARGS)
{
	OutboxEvent event = {0};

	if (!PG_ARGISNULL(ARG_PAYLOAD))
	{
		event.payload = PG_GETARG_TEXT_PP(ARG_PAYLOAD);
		outbox_check_json(VARDATA_ANY(event.payload), VARSIZE_ANY_EXHDR(event.payload));
	}
	return emit(fcinfo, &event);
}

Datum
outbox_emit_bytea(PG_FUNCTION_ARGS)
{
	OutboxEvent event = {0};

	if (!PG_ARGISNULL(ARG_PAYLOAD))
		event.payload_bytes = PG_GETARG_BYTEA_PP(ARG_PAYLOAD);
	return emit(fcinfo, &event);
}
