/*
 * encoding.c
 *	  Whether a text can be sent: events leave the server in UTF-8.
 *
 * A walsender that can't convert a row fails, again and again, and with it every event
 * behind that row.  So the writer hears of it: in a database without an encoding
 * (SQL_ASCII) of bytes that aren't UTF-8, in another one of characters that Unicode
 * hasn't got.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"

#include "encoding.h"

static bool
is_ascii(const char *data, int len)
{
	for (int i = 0; i < len; i++)
		if ((data[i] & 0x80) != 0)
			return false;
	return true;
}

static bool
has_utf8_form(const char *data, int len)
{
	int encoding = GetDatabaseEncoding();
	Size size = (Size) len * MAX_CONVERSION_GROWTH + 1;
	unsigned char *converted;
	bool whole;
	Oid function;

	if (is_ascii(data, len))
		return true;
	if (encoding == PG_SQL_ASCII)
		return pg_verify_mbstr(PG_UTF8, data, len, true);
	function = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(function))
		return false;
	converted = palloc_extended(size, MCXT_ALLOC_HUGE);
	whole = pg_do_encoding_conversion_buf(function, encoding, PG_UTF8,
										  (unsigned char *) unconstify(char *, data), len,
										  converted, (int) Min(size, PG_INT32_MAX), true) == len;
	pfree(converted);
	return whole;
}

static void
check(const char *what, const char *data, int len)
{
	if (!has_utf8_form(data, len))
		ereport(
			ERROR,
			(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
			 errmsg("%s cannot be sent as UTF-8", what),
			 errdetail("The database's encoding is %s, and it holds something that UTF-8 "
					   "does not have.",
					   GetDatabaseEncodingName()),
			 errhint("Events leave the server as UTF-8. A payload that is no text can be passed as "
					 "bytea.")));
}

static void
check_value(const char *what, struct varlena *value)
{
	struct varlena *plain;

	if (value == NULL)
		return;
	plain = PG_DETOAST_DATUM_PACKED(PointerGetDatum(value));
	check(what, VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
	if (plain != value)
		pfree(plain);
}

void
outbox_check_encoding(const OutboxEvent *event)
{
	if (GetDatabaseEncoding() == PG_UTF8)
		return;
	check_value("aggregateid", event->aggregateid);
	check_value("type", event->type);
	check_value("payload", event->payload);
	if (event->headers != NULL)
	{
		StringInfoData headers;

		initStringInfo(&headers);
		(void) JsonbToCString(&headers, &event->headers->root, VARSIZE(event->headers));
		check("headers", headers.data, headers.len);
		pfree(headers.data);
	}
}
