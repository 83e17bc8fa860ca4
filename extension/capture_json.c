/*
 * capture_json.c
 *	  Writes rows as JSON, and keys as text.
 *
 * A row is what row_to_json() makes of it; test/regress compares the two.  Nested values
 * are left to array_to_json() and row_to_json() themselves, and all else is written here,
 * because looking up each column's type for each row costs more than to write it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "capture_json.h"
#include "compat.h"
#include "json_text.h"

/* pg_lltoa() writes 20 bytes and a zero at most. */
#define INT_SIZE (MAXINT8LEN + 1)

/* What most keys have room in. */
#define KEY_SIZE 64

/* ---- columns ---- */

static ValueKind
kind_of(Oid type, Oid *cast)
{
	switch (type)
	{
		case BOOLOID:
			return VALUE_BOOL;
		case INT2OID:
			return VALUE_INT2;
		case INT4OID:
			return VALUE_INT4;
		case INT8OID:
			return VALUE_INT8;
		case FLOAT4OID:
			return VALUE_FLOAT4;
		case FLOAT8OID:
			return VALUE_FLOAT8;
		case NUMERICOID:
			return VALUE_NUMERIC;
		case DATEOID:
			return VALUE_DATE;
		case TIMESTAMPOID:
			return VALUE_TIMESTAMP;
		case TIMESTAMPTZOID:
			return VALUE_TIMESTAMPTZ;
		case TEXTOID:
		case VARCHAROID:
			return VALUE_TEXT;
		case BPCHAROID:
			return VALUE_CHAR;
		case BYTEAOID:
			return VALUE_BYTEA;
		case JSONOID:
			return VALUE_JSON;
		case JSONBOID:
			return VALUE_JSONB;
	}
	if (OidIsValid(get_element_type(type)))
		return VALUE_ARRAY;
	if (type_is_rowtype(type))
		return VALUE_ROW;
	/* As row_to_json() has it: casts of the server's own types don't count. */
	if (type >= FirstNormalObjectId &&
		find_coercion_pathway(JSONOID, type, COERCION_EXPLICIT, cast) == COERCION_PATH_FUNC &&
		OidIsValid(*cast))
		return VALUE_CAST;
	return VALUE_OTHER;
}

void
outbox_column_init(CaptureColumn *column, Form_pg_attribute attribute)
{
	StringInfoData label;
	bool is_varlena;
	Oid out;

	column->attnum = attribute->attnum;
	column->byval = attribute->attbyval;
	column->len = attribute->attlen;
	column->base = getBaseType(attribute->atttypid);
	column->cast = InvalidOid;
	column->kind = kind_of(column->base, &column->cast);
	getTypeOutputInfo(column->base, &out, &is_varlena);
	fmgr_info_cxt(out, &column->out, CurrentMemoryContext);

	initStringInfo(&label);
	text_put_char(&label, ',');
	text_put_json_string(&label, NameStr(attribute->attname),
						 (int) strlen(NameStr(attribute->attname)));
	text_put_char(&label, ':');
	column->label = label.data;
	column->label_size = label.len;
}

/* ---- rows ---- */

static void
append_text(StringInfo out, Datum value)
{
	const text *string = DatumGetTextPP(value);

	text_put_json_string(out, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
}

static void
append_int(StringInfo out, int64 value)
{
	text_reserve(out, INT_SIZE);
	out->len += pg_lltoa(value, out->data + out->len);
}

static void
append_time(StringInfo out, CaptureColumn *column, Datum value)
{
	WrittenTime *written = &column->written;

	/* Zones are kept as long as the session; a session's one may change. */
	if (!column->byval || written->value != value || written->zone != session_timezone)
	{
		written->zone = NULL;
		(void) JsonEncodeDateTime(written->text, value, column->base, NULL);
		written->size = (int) strlen(written->text);
		written->value = value;
		written->zone = session_timezone;
	}
	text_put_json_string(out, written->text, written->size);
}

static void
append_value(StringInfo out, CaptureColumn *column, Datum value)
{
	const char *string;
	Jsonb *jsonb;

	switch (column->kind)
	{
		case VALUE_BOOL:
			text_put_string(out, DatumGetBool(value) ? "true" : "false");
			break;
		case VALUE_INT2:
			append_int(out, DatumGetInt16(value));
			break;
		case VALUE_INT4:
			append_int(out, DatumGetInt32(value));
			break;
		case VALUE_INT8:
			append_int(out, DatumGetInt64(value));
			break;
		case VALUE_FLOAT4:
		case VALUE_FLOAT8:
		case VALUE_NUMERIC:
			string = OutputFunctionCall(&column->out, value);
			text_put_json_number(out, string, (int) strlen(string));
			break;
		case VALUE_DATE:
		case VALUE_TIMESTAMP:
		case VALUE_TIMESTAMPTZ:
			append_time(out, column, value);
			break;
		case VALUE_TEXT:
		case VALUE_CHAR:
			append_text(out, value);
			break;
		case VALUE_JSON:
			text_put_text(out, DatumGetTextPP(value));
			break;
		case VALUE_JSONB:
			jsonb = DatumGetJsonbP(value);
			(void) JsonbToCString(out, &jsonb->root, VARSIZE(jsonb));
			break;
		case VALUE_ARRAY:
			text_put_text(out, DatumGetTextPP(DirectFunctionCall1(array_to_json, value)));
			break;
		case VALUE_ROW:
			text_put_text(out, DatumGetTextPP(DirectFunctionCall1(row_to_json, value)));
			break;
		case VALUE_CAST:
			text_put_text(out, DatumGetTextPP(OidFunctionCall1(column->cast, value)));
			break;
		case VALUE_BYTEA:
		case VALUE_OTHER:
			string = OutputFunctionCall(&column->out, value);
			text_put_json_string(out, string, (int) strlen(string));
			break;
	}
}

void
outbox_append_row(StringInfo out, CaptureColumn *columns, int count, const TupleTableSlot *slot)
{
	text_put_char(out, '{');
	for (int i = 0; i < count; i++)
	{
		CaptureColumn *column = &columns[i];
		int comma = i == 0 ? 1 : 0;

		text_put_bytes(out, column->label + comma, column->label_size - comma);
		if (slot->tts_isnull[column->attnum - 1])
			text_put_bytes(out, "null", 4);
		else
			append_value(out, column, slot->tts_values[column->attnum - 1]);
	}
	text_put_char(out, '}');
}

/* ---- keys ---- */

static void
append_hex(StringInfo out, Datum value)
{
	const bytea *bytes = DatumGetByteaPP(value);
	int len = VARSIZE_ANY_EXHDR(bytes);

	text_put_string(out, "\\x");
	/* Stays below the limit of a string's length, or raises an error. */
	enlargeStringInfo(out, len);
	enlargeStringInfo(out, len * 2);
	out->len += (int) hex_encode(VARDATA_ANY(bytes), len, out->data + out->len);
}

/* The value as text, whatever the session's settings are. */
static void
append_key_value(StringInfo out, CaptureColumn *column, Datum value)
{
	char buffer[Max(MAXDATELEN + 1, DOUBLE_SHORTEST_DECIMAL_LEN)];
	const text *string;
	int utc = 0;
	int len;

	switch (column->kind)
	{
		case VALUE_BOOL:
		case VALUE_INT2:
		case VALUE_INT4:
		case VALUE_INT8:
			append_value(out, column, value);
			break;
		case VALUE_FLOAT4:
			(void) float_to_shortest_decimal_buf(DatumGetFloat4(value), buffer);
			text_put_string(out, buffer);
			break;
		case VALUE_FLOAT8:
			(void) double_to_shortest_decimal_buf(DatumGetFloat8(value), buffer);
			text_put_string(out, buffer);
			break;
		case VALUE_DATE:
		case VALUE_TIMESTAMP:
		case VALUE_TIMESTAMPTZ:
			(void) JsonEncodeDateTime(buffer, value, column->base,
									  column->kind == VALUE_TIMESTAMPTZ ? &utc : NULL);
			text_put_string(out, buffer);
			break;
		case VALUE_TEXT:
		case VALUE_CHAR:
		case VALUE_JSON:
			string = DatumGetTextPP(value);
			len = VARSIZE_ANY_EXHDR(string);
			while (column->kind == VALUE_CHAR && len > 0 && VARDATA_ANY(string)[len - 1] == ' ')
				len--;
			text_put_bytes(out, VARDATA_ANY(string), len);
			break;
		case VALUE_BYTEA:
			append_hex(out, value);
			break;
		case VALUE_NUMERIC:
		case VALUE_JSONB:
		case VALUE_ARRAY:
		case VALUE_ROW:
		case VALUE_CAST:
		case VALUE_OTHER:
			text_put_string(out, OutputFunctionCall(&column->out, value));
			break;
	}
}

/* One of several: numbers and booleans stand bare. */
static void
append_key_element(StringInfo out, CaptureColumn *column, Datum value)
{
	StringInfoData element;

	if (column->kind <= VALUE_INT8)
	{
		append_key_value(out, column, value);
		return;
	}
	initStringInfo(&element);
	append_key_value(&element, column, value);
	if (column->kind <= VALUE_NUMERIC)
		text_put_json_number(out, element.data, element.len);
	else
		text_put_json_string(out, element.data, element.len);
	pfree(element.data);
}

text *
outbox_key_text(CaptureColumn *columns, int count, const TupleTableSlot *slot)
{
	StringInfoData out;

	if (count == 1 && slot->tts_isnull[columns[0].attnum - 1])
		return NULL;
	text_start(&out, KEY_SIZE);
	if (count == 1)
		append_key_value(&out, &columns[0], slot->tts_values[columns[0].attnum - 1]);
	else
		for (int i = 0; i < count; i++)
		{
			int attribute = columns[i].attnum - 1;

			text_put_char(&out, i == 0 ? '[' : ',');
			if (slot->tts_isnull[attribute])
				text_put_string(&out, "null");
			else
				append_key_element(&out, &columns[i], slot->tts_values[attribute]);
		}
	if (count > 1)
		text_put_char(&out, ']');
	return text_finish(&out);
}

bool
outbox_keys_differ(const CaptureColumn *columns, int count, const TupleTableSlot *a,
				   const TupleTableSlot *b)
{
	for (int i = 0; i < count; i++)
	{
		int attribute = columns[i].attnum - 1;

		if (a->tts_isnull[attribute] != b->tts_isnull[attribute])
			return true;
		if (!a->tts_isnull[attribute] &&
			!datum_image_eq(a->tts_values[attribute], b->tts_values[attribute], columns[i].byval,
							columns[i].len))
			return true;
	}
	return false;
}
