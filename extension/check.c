/*
 * check.c
 *	  What an event must be, in one place: emit() calls it directly, a plain
 *	  INSERT through the CHECK constraint of outbox.event.
 *
 * Every rejection has its own SQLSTATE, message, detail and hint, and none of
 * them shows a payload.
 */
#include "pg_outbox.h"

#include "access/detoast.h"
#include "access/toast_internals.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

PG_FUNCTION_INFO_V1(outbox_event_is_valid);
PG_FUNCTION_INFO_V1(outbox_refuse_update);

static void
check_aggregatetype(const text *aggregatetype)
{
	const char *type;
	int len;

	if (aggregatetype == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION), errmsg("aggregatetype must not be null"),
				 errdetail("It names the topic of the event."),
				 errhint("Pass a name such as 'order'.")));
	type = VARDATA_ANY(aggregatetype);
	len = VARSIZE_ANY_EXHDR(aggregatetype);
	if (len == 0 || len > OUTBOX_TOPIC_MAX - (int) strlen(OUTBOX_TOPIC_PREFIX))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("aggregatetype must have 1 to %d characters",
							   OUTBOX_TOPIC_MAX - (int) strlen(OUTBOX_TOPIC_PREFIX)),
						errdetail("It has %d bytes.", len),
						errhint("The topic is named \"%s<aggregatetype>\".", OUTBOX_TOPIC_PREFIX)));
	for (int i = 0; i < len; i++)
	{
		char c = type[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			  c == '.' || c == '_' || c == '-'))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("aggregatetype \"%.*s\" makes no legal topic", len, type),
							errdetail("The character at position %d is not allowed.", i + 1),
							errhint("Use letters, digits, \".\", \"_\" and \"-\".")));
	}
	if (!outbox_type_allowed(type, len))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("aggregatetype \"%.*s\" is not allowed", len, type),
						errdetail("It is not in pg_outbox.allowed_types."),
						errhint("Ask an administrator to add it.")));
}

static Size
raw_size(const void *datum)
{
	return datum == NULL ? 0 : toast_raw_datum_size(PointerGetDatum(datum)) - VARHDRSZ;
}

static void
check_size(const OutboxEventArgs *event)
{
	Size size = raw_size(event->aggregatetype) + raw_size(event->aggregateid) +
				raw_size(event->type) + raw_size(event->payload) + raw_size(event->payload_bytes) +
				raw_size(event->headers);

	if (size > (Size) outbox_max_event_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("event is too large"),
				 errdetail("It has %zu bytes, the limit is %d.", size, outbox_max_event_bytes),
				 errhint("Store the data elsewhere and send a reference, or raise "
						 "pg_outbox.max_event_bytes together with the topic's "
						 "max.message.bytes.")));
}

static bool
is_reserved(const char *name, int len)
{
	static const char *const reserved[] = {"id", "type", "outbox-position", "outbox-replayed"};

	for (size_t i = 0; i < lengthof(reserved); i++)
		if ((int) strlen(reserved[i]) == len && memcmp(reserved[i], name, len) == 0)
			return true;
	return false;
}

static void
check_headers(Jsonb *headers)
{
	JsonbIterator *it;
	JsonbValue value;
	JsonbIteratorToken token;
	int count = 0;

	if (headers == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(headers))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("headers must be a JSON object"),
				 errdetail("They are an array or a single value."),
				 errhint("Pass an object such as {\"traceparent\": \"00-...\"}.")));
	it = JsonbIteratorInit(&headers->root);
	(void) JsonbIteratorNext(&it, &value, true);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			int len = value.val.string.len;
			char *name = value.val.string.val;

			count++;
			if (is_reserved(name, len))
				ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME),
								errmsg("header \"%.*s\" is reserved", len, name),
								errdetail("The relay sets this header itself."),
								errhint("Choose another name.")));
		}
		else if (token == WJB_VALUE && value.type == jbvBinary)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("headers must be a flat JSON object"),
							errdetail("A header's value is an object or an array."),
							errhint("Pass nested values as text, or put them into the payload.")));
	}
	if (count > OUTBOX_MAX_HEADERS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many headers"),
						errdetail("There are %d, the limit is %d.", count, OUTBOX_MAX_HEADERS),
						errhint("Put some of them into the payload.")));
}

void
outbox_check_event(const OutboxEventArgs *event)
{
	check_aggregatetype(event->aggregatetype);
	if (event->payload != NULL && event->payload_bytes != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("payload and payload_bytes must not both be set"),
				 errdetail("An event has one payload, or none."),
				 errhint("Leave one of them null; with both null the event is a tombstone.")));
	check_size(event);
	check_headers(event->headers);
}

static void
require(FunctionCallInfo fcinfo, int arg, const char *column)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION), errmsg("%s must not be null", column),
						errdetail("The extension needs it to publish and to keep the event."),
						errhint("Leave the column out: it has a default.")));
}

/*
 * outbox.event_is_valid(id, aggregatetype, aggregateid, type, payload, payload_bytes, headers,
 *						 created_at, xid)
 */
Datum
outbox_event_is_valid(PG_FUNCTION_ARGS)
{
	OutboxEventArgs event = {0};

	require(fcinfo, 0, "id");
	if (!PG_ARGISNULL(1))
		event.aggregatetype = PG_GETARG_TEXT_PP(1);
	if (!PG_ARGISNULL(2))
		event.aggregateid = (text *) DatumGetPointer(PG_GETARG_DATUM(2));
	if (!PG_ARGISNULL(3))
		event.type = (text *) DatumGetPointer(PG_GETARG_DATUM(3));
	if (!PG_ARGISNULL(4))
		event.payload = (struct varlena *) DatumGetPointer(PG_GETARG_DATUM(4));
	if (!PG_ARGISNULL(5))
		event.payload_bytes = (struct varlena *) DatumGetPointer(PG_GETARG_DATUM(5));
	if (!PG_ARGISNULL(6))
		event.headers = PG_GETARG_JSONB_P(6);
	outbox_check_event(&event);
	require(fcinfo, 7, "created_at");
	require(fcinfo, 8, "xid");
	PG_RETURN_BOOL(true);
}

/* Row trigger on outbox.event: an event that was written stays as it is. */
Datum
outbox_refuse_update(PG_FUNCTION_ARGS)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("events cannot be updated"),
					errdetail("An event is published as it was inserted."),
					errhint("Insert a new event instead.")));
	PG_RETURN_NULL();
}
