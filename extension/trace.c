/*
 * trace.c
 *	  The session's trace context as headers of its events.
 *
 * Refuses a setting that another program would have to ignore by the specification: then
 * the one who sets it learns of it, and not the one who misses a trace.
 *
 * Invariant: an event's own traceparent or tracestate is never changed or joined with the
 * session's: the two belong together.
 */
#include "postgres.h"

#include "utils/datum.h"
#include "utils/memutils.h"

#include "compat.h"
#include "trace.h"

#define TRACEPARENT "traceparent"
#define TRACESTATE "tracestate"

/* version "-" trace id "-" parent id "-" flags */
#define TRACEPARENT_LEN 55
#define TRACE_ID_AT 3
#define TRACE_ID_LEN 32
#define PARENT_ID_AT 36
#define PARENT_ID_LEN 16
#define FLAGS_AT 53

#define TRACESTATE_MEMBERS 32
#define TRACESTATE_LEN 512
#define MEMBER_KEY_LEN 256
#define MEMBER_VALUE_LEN 256

char *outbox_traceparent = NULL;
char *outbox_tracestate = NULL;

/* For events without headers: built once for each value of the settings. */
static Jsonb *alone = NULL;

typedef OutboxJsonbState TraceHeaders;

static bool
is_hex(const char *value, int len)
{
	return (int) strspn(value, "0123456789abcdef") >= len;
}

static bool
is_zero(const char *value, int len)
{
	return (int) strspn(value, "0") >= len;
}

/* What is wrong with it, or NULL. */
static const char *
traceparent_problem(const char *value)
{
	size_t len = strlen(value);

	if (len < TRACEPARENT_LEN || !is_hex(value, 2) || value[2] != '-' ||
		!is_hex(value + TRACE_ID_AT, TRACE_ID_LEN) || value[PARENT_ID_AT - 1] != '-' ||
		!is_hex(value + PARENT_ID_AT, PARENT_ID_LEN) || value[FLAGS_AT - 1] != '-' ||
		!is_hex(value + FLAGS_AT, 2))
		return "It is not of the form 00-<32 digits>-<16 digits>-<2 digits>, with lower-case "
			   "hexadecimal digits.";
	if (strncmp(value, "ff", 2) == 0)
		return "The version ff is forbidden.";
	if (len > TRACEPARENT_LEN && (strncmp(value, "00", 2) == 0 || value[TRACEPARENT_LEN] != '-'))
		return "It is too long for its version.";
	if (strspn(value, "0123456789abcdefghijklmnopqrstuvwxyz-") != len)
		return "It has a character that is not allowed.";
	if (len > TRACESTATE_LEN)
		return "It is longer than 512 bytes.";
	if (is_zero(value + TRACE_ID_AT, TRACE_ID_LEN))
		return "Its trace id is zero.";
	if (is_zero(value + PARENT_ID_AT, PARENT_ID_LEN))
		return "Its parent id is zero.";
	return NULL;
}

static bool
is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
		   c == '/' || c == '@';
}

/* key "=" value, without blanks around. */
static bool
is_member(const char *member, int len)
{
	const char *equals = memchr(member, '=', len);
	int key_len;
	int value_len;

	if (equals == NULL)
		return false;
	key_len = (int) (equals - member);
	value_len = len - key_len - 1;
	if (key_len < 1 || key_len > MEMBER_KEY_LEN || value_len < 1 || value_len > MEMBER_VALUE_LEN ||
		!((member[0] >= 'a' && member[0] <= 'z') || (member[0] >= '0' && member[0] <= '9')))
		return false;
	for (int i = 0; i < key_len; i++)
		if (!is_key_char(member[i]))
			return false;
	for (int i = key_len + 1; i < len; i++)
		if (member[i] < 0x20 || member[i] > 0x7e || member[i] == '=')
			return false;
	return true;
}

static const char *
tracestate_problem(const char *value)
{
	int members = 0;

	if (strlen(value) > TRACESTATE_LEN)
		return "It is longer than 512 bytes.";
	for (const char *at = value; *at != '\0';)
	{
		int len = (int) strcspn(at, ",");
		const char *next = at[len] == ',' ? at + len + 1 : at + len;

		while (len > 0 && (*at == ' ' || *at == '\t'))
			at++, len--;
		while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
			len--;
		/* The specification allows empty members. */
		if (len > 0 && !is_member(at, len))
			return "It is not a list of members such as \"vendor=value\", separated by commas.";
		if (len > 0 && ++members > TRACESTATE_MEMBERS)
			return "It has more than 32 members.";
		at = next;
	}
	return NULL;
}

static bool
complain(const char *problem)
{
	if (problem == NULL)
		return true;
	GUC_check_errdetail("%s", problem);
	GUC_check_errhint("See https://www.w3.org/TR/trace-context/; empty: no trace.");
	return false;
}

bool
outbox_check_traceparent(char **newval, void **extra, GucSource source)
{
	return *newval == NULL || **newval == '\0' || complain(traceparent_problem(*newval));
}

bool
outbox_check_tracestate(char **newval, void **extra, GucSource source)
{
	return *newval == NULL || **newval == '\0' || complain(tracestate_problem(*newval));
}

void
outbox_assign_trace(const char *newval, void *extra)
{
	if (alone != NULL)
		pfree(alone);
	alone = NULL;
}

static bool
is_set(const char *setting)
{
	return setting != NULL && *setting != '\0';
}

static JsonbValue
string_value(const char *string)
{
	JsonbValue value = {.type = jbvString};

	value.val.string.val = unconstify(char *, string);
	value.val.string.len = (int) strlen(string);
	return value;
}

static bool
has(Jsonb *headers, const char *name)
{
	JsonbValue key = string_value(name);

	return findJsonbValueFromContainer(&headers->root, JB_FOBJECT, &key) != NULL;
}

static void
push(TraceHeaders *state, const char *name, const char *string)
{
	JsonbValue key = string_value(name);
	JsonbValue value = string_value(string);

	outbox_push_jsonb(state, WJB_KEY, &key);
	outbox_push_jsonb(state, WJB_VALUE, &value);
}

static void
push_all(TraceHeaders *state, Jsonb *headers)
{
	JsonbIterator *it = JsonbIteratorInit(&headers->root);
	JsonbIteratorToken token;
	JsonbValue value;

	/* Nested values come whole: outbox_check_headers() refuses them. */
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		if (token == WJB_KEY || token == WJB_VALUE)
			outbox_push_jsonb(state, token, &value);
}

static Jsonb *
with_trace(Jsonb *headers)
{
	TraceHeaders state = {0};

	outbox_push_jsonb(&state, WJB_BEGIN_OBJECT, NULL);
	if (headers != NULL)
		push_all(&state, headers);
	push(&state, TRACEPARENT, outbox_traceparent);
	if (is_set(outbox_tracestate))
		push(&state, TRACESTATE, outbox_tracestate);
	outbox_push_jsonb(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(state.result);
}

Jsonb *
outbox_add_trace(Jsonb *headers)
{
	if (!is_set(outbox_traceparent))
		return headers;
	if (headers != NULL)
	{
		if (!JB_ROOT_IS_OBJECT(headers) || has(headers, TRACEPARENT) || has(headers, TRACESTATE))
			return headers;
		return with_trace(headers);
	}
	if (alone == NULL)
	{
		Jsonb *made = with_trace(NULL);

		alone = MemoryContextAlloc(TopMemoryContext, VARSIZE(made));
		memcpy(alone, made, VARSIZE(made));
	}
	/* A copy: somebody's trigger may change the setting before the event is written. */
	return (Jsonb *) DatumGetPointer(datumCopy(JsonbPGetDatum(alone), false, -1));
}
