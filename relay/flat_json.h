/*
 * flat_json.h
 *	  Reads a flat JSON object, member by member, without a tree.  Private to
 *	  route.  Pure.
 *
 *		{"name": "text", "name": 1.50, "name": true, "name": null}
 *
 * Strings come without their escapes, numbers and booleans as they are written
 * (no number is too large or loses a digit), null without data.
 */
#ifndef OUTBOX_RELAY_FLAT_JSON_H
#define OUTBOX_RELAY_FLAT_JSON_H

#include "reader.h"

typedef struct FlatJson
{
	const uint8_t *text;
	size_t size;
	size_t pos;
	uint8_t *scratch; /* for strings with escapes; not owned */
	size_t scratch_used;
	bool first;
	const char *problem; /* of FLAT_JSON_INVALID: "nested value", ... */
} FlatJson;

typedef enum FlatJsonKind
{
	FLAT_JSON_NULL,
	FLAT_JSON_STRING,
	FLAT_JSON_NUMBER,
	FLAT_JSON_BOOLEAN
} FlatJsonKind;

typedef struct FlatJsonMember
{
	ByteView name;
	ByteView value; /* NULL data: null */
	FlatJsonKind kind;
} FlatJsonMember;

typedef enum FlatJsonResult
{
	FLAT_JSON_MEMBER, /* *member is filled */
	FLAT_JSON_END,	  /* that was the whole object, and nothing is behind it */
	FLAT_JSON_INVALID /* and so is every later call */
} FlatJsonResult;

/*
 * scratch has room for text.len bytes and outlives what is read, as the text
 * does: members borrow from both.
 */
extern void flat_json_init(FlatJson *json, ByteView text, uint8_t *scratch);
extern FlatJsonResult flat_json_next(FlatJson *json, FlatJsonMember *member);

#endif
