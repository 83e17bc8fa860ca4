/*
 * check.c
 *	  What an event must be, in one place: emit() calls it directly, a plain
 *	  INSERT through the one CHECK constraint of outbox.event.
 *
 * Every rejection has its own SQLSTATE, message, detail and hint, and none of
 * them shows a payload.  That is why columns that can't be null are checked here
 * too: NOT NULL prints the failing row.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "common/jsonapi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "check.h"
#include "compat.h"
#include "encoding.h"
#include "guc.h"
#include "pg_outbox.h"
#include "slots.h"

PG_FUNCTION_INFO_V1(outbox_event_is_valid_sql);
PG_FUNCTION_INFO_V1(outbox_refuse_update);

static bool
is_legal_in_topic(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		   c == '_' || c == '-';
}

int
outbox_illegal_in_type(const char *type, int len)
{
	if (len == 0 || len > OUTBOX_TYPE_MAX)
		return len;
	for (int i = 0; i < len; i++)
		if (!is_legal_in_topic(type[i]))
			return i;
	return OUTBOX_TYPE_LEGAL;
}

static void
check_aggregatetype(const text *aggregatetype)
{
	const char *type;
	int len;
	int illegal;

	if (aggregatetype == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION), errmsg("aggregatetype must not be null"),
				 errdetail("It names the topic of the event."),
				 errhint("Pass a name such as \"order\".")));
	type = VARDATA_ANY(aggregatetype);
	len = VARSIZE_ANY_EXHDR(aggregatetype);
	illegal = outbox_illegal_in_type(type, len);
	if (illegal == len)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("aggregatetype must have 1 to %d characters", OUTBOX_TYPE_MAX),
						errdetail("It has %d bytes.", len),
						errhint("The topic is named \"%s<aggregatetype>\".", OUTBOX_TOPIC_PREFIX)));
	if (illegal != OUTBOX_TYPE_LEGAL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("aggregatetype \"%.*s\" makes no legal topic", len, type),
						errdetail("The character at position %d is not allowed.",
								  pg_mbstrlen_with_len(type, illegal) + 1),
						errhint("Use letters, digits, \".\", \"_\" and \"-\".")));
	if (!outbox_type_allowed(type, len))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("aggregatetype \"%.*s\" is not allowed", len, type),
						errdetail("It is not in pg_outbox.allowed_types."),
						errhint("Ask an administrator to add it.")));
}

/* Without detoasting: of the value as its reader gets it. */
static Size
value_size(const void *value)
{
	return value == NULL ? 0 : toast_raw_datum_size(PointerGetDatum(value)) - VARHDRSZ;
}

static void
check_size(const OutboxEvent *event)
{
	Size size = value_size(event->aggregatetype) + value_size(event->aggregateid) +
				value_size(event->type) + value_size(event->payload) +
				value_size(event->payload_bytes) + value_size(event->headers);

	if (size > (Size) outbox_max_event_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("event is too large"),
				 errdetail("It has %zu bytes, the limit is %d.", size, outbox_max_event_bytes),
				 errhint("Store the data elsewhere and send a reference, or raise "
						 "pg_outbox.max_event_bytes together with the topic's "
						 "max.message.bytes and the relay's kafka.message.max.bytes.")));
}

void
outbox_check_event(const OutboxEvent *event)
{
	check_aggregatetype(event->aggregatetype);
	if (event->payload != NULL && event->payload_bytes != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("payload and payload_bytes must not both be set"),
				 errdetail("An event has one payload, or none."),
				 errhint("Leave one of them null; with both null the event is a tombstone.")));
	check_size(event);
	if (event->headers != NULL)
		outbox_check_headers(event->headers);
	outbox_check_encoding(event);
}

void
outbox_check_json(const char *json, int len)
{
	/* The lexer of older servers takes a pointer to char that it doesn't write to. */
	JsonLexContext *lexer = outbox_json_lexer(unconstify(char *, json), len, GetDatabaseEncoding());

	if (pg_parse_json(lexer, &nullSemAction) != JSON_SUCCESS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("payload is not valid JSON"),
				 errdetail("The mistake is in line %d.", lexer->line_number),
				 errhint("Pass a payload that is not JSON as bytea.")));
}

/*
 * outbox.event_is_valid(id, aggregatetype, aggregateid, type, payload, payload_bytes,
 * headers, created_at, xid)
 */
Datum
outbox_event_is_valid_sql(PG_FUNCTION_ARGS)
{
	static const struct
	{
		int argument;
		const char *name;
	} never_null[] = {{0, "id"}, {7, "created_at"}, {8, "xid"}};
	OutboxEvent event = {0};

	for (size_t i = 0; i < lengthof(never_null); i++)
		if (PG_ARGISNULL(never_null[i].argument))
			ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
							errmsg("%s must not be null", never_null[i].name),
							errdetail("Every event has one."),
							errhint("Leave the column out: it has a default.")));
	if (!PG_ARGISNULL(1))
		event.aggregatetype = PG_GETARG_TEXT_PP(1);
	if (!PG_ARGISNULL(2))
		event.aggregateid = (struct varlena *) PG_GETARG_POINTER(2);
	if (!PG_ARGISNULL(3))
		event.type = (struct varlena *) PG_GETARG_POINTER(3);
	if (!PG_ARGISNULL(4))
		event.payload = (struct varlena *) PG_GETARG_POINTER(4);
	if (!PG_ARGISNULL(5))
		event.payload_bytes = (struct varlena *) PG_GETARG_POINTER(5);
	if (!PG_ARGISNULL(6))
		event.headers = PG_GETARG_JSONB_P(6);
	outbox_check_event(&event);
	outbox_check_backpressure();
	PG_RETURN_BOOL(true);
}

/* Row trigger on outbox.event: what was written stays as it is. */
Datum
outbox_refuse_update(PG_FUNCTION_ARGS)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("events cannot be updated"),
					errdetail("An event is published as it was inserted."),
					errhint("Insert another event; rows that are not needed may be deleted.")));
	PG_RETURN_NULL();
}
