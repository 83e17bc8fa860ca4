/*
 * capture_json.c
 *	  Writes rows as JSON, and keys as text.
 *
 * A row is what row_to_json() makes of it; test/regress compares the two.  Nested values
 * are left to array_to_json() and row_to_json() themselves, and all else is written here,
 * because looking up each column's type for each row costs more than to write it.
 *
 * Strings are in the server's encoding, in none of which a byte of a longer character
 * looks like ASCII.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "common/jsonapi.h"
#include "common/shortest_dec.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "capture_json.h"

/* pg_lltoa() writes 20 bytes and a zero at most. */
#define INT_SIZE (MAXINT8LEN + 1)

/* ---- strings ---- */

#define EVERY_BYTE(b) (UINT64CONST(0x0101010101010101) * (b))

/* Is one of the eight bytes a quote, a backslash or a control character? */
static inline bool
any_special(uint64 bytes)
{
	uint64 quotes = bytes ^ EVERY_BYTE('"');
	uint64 backslashes = bytes ^ EVERY_BYTE('\\');
	uint64 found = ((bytes - EVERY_BYTE(0x20)) & ~bytes) | ((quotes - EVERY_BYTE(1)) & ~quotes) |
				   ((backslashes - EVERY_BYTE(1)) & ~backslashes);

	return (found & EVERY_BYTE(0x80)) != 0;
}

/* How many bytes can be copied as they are? */
static int
plain_prefix(const char *string, int len)
{
	int i = 0;
	uint64 bytes;

	for (; i + (int) sizeof(bytes) <= len; i += sizeof(bytes))
	{
		memcpy(&bytes, string + i, sizeof(bytes));
		if (any_special(bytes))
			break;
	}
	while (i < len && (unsigned char) string[i] >= 0x20 && string[i] != '"' && string[i] != '\\')
		i++;
	return i;
}

static void
append_escaped(StringInfo out, char c)
{
	static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i < sizeof(names) - 1; i += 2)
		if (names[i] == c)
		{
			appendStringInfoChar(out, '\\');
			appendStringInfoChar(out, names[i + 1]);
			return;
		}
	appendStringInfo(out, "\\u%04x", (unsigned char) c);
}

static void
append_string(StringInfo out, const char *string, int len)
{
	appendStringInfoChar(out, '"');
	for (;;)
	{
		int plain = plain_prefix(string, len);

		appendBinaryStringInfo(out, string, plain);
		if (plain == len)
			break;
		append_escaped(out, string[plain]);
		string += plain + 1;
		len -= plain + 1;
	}
	appendStringInfoChar(out, '"');
}

static void
append_text(StringInfo out, Datum value)
{
	const text *string = DatumGetTextPP(value);

	append_string(out, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
}

/* A number, or a string when JSON has no such number: NaN and the infinities. */
static void
append_number(StringInfo out, const char *number, int len)
{
	if (IsValidJsonNumber(number, len))
		appendBinaryStringInfo(out, number, len);
	else
		append_string(out, number, len);
}

static void
append_int(StringInfo out, int64 value)
{
	enlargeStringInfo(out, INT_SIZE);
	out->len += pg_lltoa(value, out->data + out->len);
}

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
	append_string(&label, NameStr(attribute->attname), (int) strlen(NameStr(attribute->attname)));
	appendStringInfoChar(&label, ':');
	column->label = label.data;
	column->label_size = label.len;
}

/* ---- rows ---- */

static void
append_value(StringInfo out, CaptureColumn *column, Datum value)
{
	char date[MAXDATELEN + 1];
	const text *json;
	const char *string;
	Jsonb *jsonb;

	switch (column->kind)
	{
		case VALUE_BOOL:
			appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
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
			append_number(out, string, (int) strlen(string));
			break;
		case VALUE_DATE:
		case VALUE_TIMESTAMP:
		case VALUE_TIMESTAMPTZ:
			(void) JsonEncodeDateTime(date, value, column->base, NULL);
			append_string(out, date, (int) strlen(date));
			break;
		case VALUE_TEXT:
		case VALUE_CHAR:
			append_text(out, value);
			break;
		case VALUE_JSON:
			json = DatumGetTextPP(value);
			appendBinaryStringInfo(out, VARDATA_ANY(json), VARSIZE_ANY_EXHDR(json));
			break;
		case VALUE_JSONB:
			jsonb = DatumGetJsonbP(value);
			(void) JsonbToCString(out, &jsonb->root, VARSIZE(jsonb));
			break;
		case VALUE_ARRAY:
			json = DatumGetTextPP(DirectFunctionCall1(array_to_json, value));
			appendBinaryStringInfo(out, VARDATA_ANY(json), VARSIZE_ANY_EXHDR(json));
			break;
		case VALUE_ROW:
			json = DatumGetTextPP(DirectFunctionCall1(row_to_json, value));
			appendBinaryStringInfo(out, VARDATA_ANY(json), VARSIZE_ANY_EXHDR(json));
			break;
		case VALUE_CAST:
			json = DatumGetTextPP(OidFunctionCall1(column->cast, value));
			appendBinaryStringInfo(out, VARDATA_ANY(json), VARSIZE_ANY_EXHDR(json));
			break;
		case VALUE_BYTEA:
		case VALUE_OTHER:
			string = OutputFunctionCall(&column->out, value);
			append_string(out, string, (int) strlen(string));
			break;
	}
}

void
outbox_append_row(StringInfo out, CaptureColumn *columns, int count, const TupleTableSlot *slot)
{
	appendStringInfoChar(out, '{');
	for (int i = 0; i < count; i++)
	{
		CaptureColumn *column = &columns[i];

		if (i > 0)
			appendStringInfoChar(out, ',');
		appendBinaryStringInfo(out, column->label, column->label_size);
		if (slot->tts_isnull[column->attnum - 1])
			appendBinaryStringInfo(out, "null", 4);
		else
			append_value(out, column, slot->tts_values[column->attnum - 1]);
	}
	appendStringInfoChar(out, '}');
}

/* ---- keys ---- */

static void
append_hex(StringInfo out, Datum value)
{
	const bytea *bytes = DatumGetByteaPP(value);
	int len = VARSIZE_ANY_EXHDR(bytes);

	appendStringInfoString(out, "\\x");
	/* Stays below the limit of a string's length, or raises an error. */
	enlargeStringInfo(out, len);
	enlargeStringInfo(out, len * 2);
	out->len += (int) hex_encode(VARDATA_ANY(bytes), len, out->data + out->len);
	out->data[out->len] = '\0';
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
			appendStringInfoString(out, buffer);
			break;
		case VALUE_FLOAT8:
			(void) double_to_shortest_decimal_buf(DatumGetFloat8(value), buffer);
			appendStringInfoString(out, buffer);
			break;
		case VALUE_DATE:
		case VALUE_TIMESTAMP:
		case VALUE_TIMESTAMPTZ:
			(void) JsonEncodeDateTime(buffer, value, column->base,
									  column->kind == VALUE_TIMESTAMPTZ ? &utc : NULL);
			appendStringInfoString(out, buffer);
			break;
		case VALUE_TEXT:
		case VALUE_CHAR:
		case VALUE_JSON:
			string = DatumGetTextPP(value);
			len = VARSIZE_ANY_EXHDR(string);
			while (column->kind == VALUE_CHAR && len > 0 && VARDATA_ANY(string)[len - 1] == ' ')
				len--;
			appendBinaryStringInfo(out, VARDATA_ANY(string), len);
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
			appendStringInfoString(out, OutputFunctionCall(&column->out, value));
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
		append_number(out, element.data, element.len);
	else
		append_string(out, element.data, element.len);
	pfree(element.data);
}

text *
outbox_key_text(CaptureColumn *columns, int count, const TupleTableSlot *slot)
{
	StringInfoData out;

	if (count == 1 && slot->tts_isnull[columns[0].attnum - 1])
		return NULL;
	initStringInfo(&out);
	appendStringInfoSpaces(&out, VARHDRSZ);
	if (count == 1)
		append_key_value(&out, &columns[0], slot->tts_values[columns[0].attnum - 1]);
	else
		for (int i = 0; i < count; i++)
		{
			int attribute = columns[i].attnum - 1;

			appendStringInfoChar(&out, i == 0 ? '[' : ',');
			if (slot->tts_isnull[attribute])
				appendStringInfoString(&out, "null");
			else
				append_key_element(&out, &columns[i], slot->tts_values[attribute]);
		}
	if (count > 1)
		appendStringInfoChar(&out, ']');
	SET_VARSIZE(out.data, out.len);
	return (text *) out.data;
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
