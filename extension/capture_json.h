/*
 * capture_json.h
 *	  Rows as JSON, and keys as text.
 */
#ifndef PG_OUTBOX_CAPTURE_JSON_H
#define PG_OUTBOX_CAPTURE_JSON_H

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "pgtime.h"
#include "utils/datetime.h"

/* How the values of a type are written. */
typedef enum ValueKind
{
	VALUE_BOOL,
	VALUE_INT2,
	VALUE_INT4,
	VALUE_INT8,
	VALUE_FLOAT4,
	VALUE_FLOAT8,
	VALUE_NUMERIC,
	VALUE_DATE,
	VALUE_TIMESTAMP,
	VALUE_TIMESTAMPTZ,
	VALUE_TEXT,
	VALUE_CHAR, /* char(n): padded with blanks */
	VALUE_BYTEA,
	VALUE_JSON,
	VALUE_JSONB,
	VALUE_ARRAY,
	VALUE_ROW,
	VALUE_CAST, /* of a type with a cast to json */
	VALUE_OTHER /* as its output function writes it */
} ValueKind;

/*
 * The date or time that a column was written with last.  Rows of one transaction often have
 * the same, and so do the two sides of an UPDATE.
 */
typedef struct WrittenTime
{
	Datum value;
	const pg_tz *zone; /* of the session; NULL: none yet */
	int size;		   /* of text, in bytes */
	char text[MAXDATELEN + 1];
} WrittenTime;

typedef struct CaptureColumn
{
	AttrNumber attnum;
	ValueKind kind;
	bool byval;
	int16 len;
	Oid base;		/* the type, and of a domain the one below */
	Oid cast;		/* VALUE_CAST: the cast's function */
	FmgrInfo out;	/* the output function */
	char *label;	/* its name as a member of an object, and a comma before it: ,"name": */
	int label_size; /* in bytes */
	WrittenTime written;
} CaptureColumn;

/* Fills in a column; what it points to lies in the current memory context. */
extern void outbox_column_init(CaptureColumn *column, Form_pg_attribute attribute);

/*
 * Appends the row as row_to_json() writes it, byte for byte, with the session's settings
 * (bytea_output, extra_float_digits, TimeZone ...).  The slot's values up to the
 * last of the columns are deformed.
 */
extern void outbox_append_row(StringInfo out, CaptureColumn *columns, int count,
							  const TupleTableSlot *slot);

/*
 * The key of a row, or NULL for a null in a key of one column.  One column: its value
 * as text.  Several: a JSON array of them, such as ["eu",42].  The settings of the
 * session have no say: timestamptz is written in UTC, bytea in hex, floating-point
 * numbers in their shortest form, dates in ISO 8601.  (Types that VALUE_OTHER, VALUE_ROW
 * and VALUE_ARRAY stand for may depend on them: interval, money, ranges of dates.)
 */
extern text *outbox_key_text(CaptureColumn *columns, int count, const TupleTableSlot *slot);

/* May the two rows have different keys?  false is certain. */
extern bool outbox_keys_differ(const CaptureColumn *columns, int count, const TupleTableSlot *a,
							   const TupleTableSlot *b);

#endif
