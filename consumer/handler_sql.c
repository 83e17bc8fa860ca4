/*
 * handler_sql.c
 *	  From a handler's statement to the one that is prepared.
 *
 * A name counts wherever it stands: a column that is sent and not used costs a
 * little, one that is missing is an error of the server.
 */
#include "handler_sql.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "exit_codes.h"
#include "sql_scan.h"

#define SQL_LIMIT ((size_t) 1024 * 1024)

typedef struct ColumnRow
{
	const char *name;
	PgType type;
} ColumnRow;

static const ColumnRow columns[BATCH_COLUMNS] = {
	[COLUMN_ORDINALITY] = {"ordinality", PG_TYPE_INT8},
	[COLUMN_ID] = {"id", PG_TYPE_UUID},
	[COLUMN_TOPIC] = {"topic", PG_TYPE_TEXT},
	[COLUMN_PARTITION] = {"partition", PG_TYPE_INT4},
	[COLUMN_KAFKA_OFFSET] = {"kafka_offset", PG_TYPE_INT8},
	[COLUMN_KEY] = {"key", PG_TYPE_TEXT},
	[COLUMN_TYPE] = {"type", PG_TYPE_TEXT},
	[COLUMN_PAYLOAD] = {"payload", PG_TYPE_JSON}, /* or what the handler says */
	[COLUMN_HEADERS] = {"headers", PG_TYPE_JSONB},
	[COLUMN_POSITION] = {"position", PG_TYPE_TEXT},
	[COLUMN_EVENT_TIME] = {"event_time", PG_TYPE_TIMESTAMPTZ},
};

/* What the first pass over the statement finds. */
typedef struct Reading
{
	SqlToken before;	/* the last two tokens */
	SqlToken before_it; /* ... */
	const char *end;	/* of the statement, before a last semicolon */
	bool ended;			/* a semicolon came */
	bool starts_with;
	bool recursive;
	size_t tokens;
	size_t skip; /* bytes up to the end of WITH [RECURSIVE] */
} Reading;

static bool
refuse(const Handler *handler, const char *origin, const char *why, Error *error)
{
	return error_permanent(error, EXIT_CONFIG, "%s: statement of handler \"%s\" %s", origin,
						   handler->name, why);
}

static void
note_names(Handler *handler, const Reading *reading, const SqlToken *token)
{
	if (sql_token_names(token, "batch"))
	{
		handler->uses_batch = true;
		if (sql_token_is_word(&reading->before, "table"))
			handler->columns = COLUMN_BIT(BATCH_COLUMNS) - 1;
	}
	if (sql_token_names(token, "batch_latest"))
	{
		handler->uses_latest = true;
		if (sql_token_is_word(&reading->before, "table"))
			handler->columns = COLUMN_BIT(BATCH_COLUMNS) - 1;
	}
	/* "*" is everything, but not that of count(*). */
	if (sql_token_is_symbol(token, '*') && !(sql_token_is_symbol(&reading->before, '(') &&
											 sql_token_is_word(&reading->before_it, "count")))
		handler->columns = COLUMN_BIT(BATCH_COLUMNS) - 1;
	for (int i = 0; i < BATCH_COLUMNS; i++)
	{
		if (sql_token_names(token, columns[i].name))
			handler->columns |= COLUMN_BIT(i);
	}
}

static void
note_start(Reading *reading, const char *sql, const SqlToken *token)
{
	if (reading->tokens == 0 && sql_token_is_word(token, "with"))
		reading->starts_with = true;
	else if (reading->tokens == 1 && reading->starts_with && sql_token_is_word(token, "recursive"))
		reading->recursive = true;
	else
		return;
	reading->skip = (size_t) (token->text + token->len - sql);
}

static bool
read_statement(Handler *handler, Reading *reading, const char *origin, Error *error)
{
	SqlScan scan;

	sql_scan_init(&scan, handler->user_sql);
	for (;;)
	{
		SqlToken token = sql_scan_next(&scan);

		if (token.type == SQL_END)
			break;
		if (token.type == SQL_BAD)
			return refuse(handler, origin, "ends within a string, a quoted name or a comment",
						  error);
		if (token.type == SQL_PARAMETER)
			return refuse(handler, origin, "has a parameter; read from batch", error);
		if (reading->ended && !sql_token_is_symbol(&token, ';'))
		{
			refuse(handler, origin, "is more than one", error);
			return error_hint(error, "Make a handler of each, with the same \"topic\".");
		}
		if (sql_token_is_symbol(&token, ';'))
		{
			reading->ended = true;
			continue;
		}
		note_start(reading, handler->user_sql, &token);
		note_names(handler, reading, &token);
		reading->end = token.text + token.len;
		reading->before_it = reading->before;
		reading->before = token;
		reading->tokens++;
	}
	if (!handler->uses_batch && !handler->uses_latest)
	{
		refuse(handler, origin, "doesn't read from batch or batch_latest", error);
		return error_hint(error, "They hold the events: \"INSERT INTO t SELECT id, payload FROM "
								 "batch\".");
	}
	return true;
}

/*
 * "batch" AS (SELECT * FROM unnest($1::int8[], $2::text[]) AS b("ordinality", "key")).  Of several
 * arrays the server means its own unnest(), of one whatever the search_path comes to first.
 */
static void
write_relation(Handler *handler, Buffer *sql, const char *name, bool latest)
{
	int first = handler->param_count;
	bool several = (handler->columns & (handler->columns - 1)) != 0;

	buffer_printf(sql, "\"%s\" AS (SELECT * FROM %sunnest(", name, several ? "" : "pg_catalog.");
	for (int i = 0; i < BATCH_COLUMNS; i++)
	{
		HandlerParam *param = &handler->params[handler->param_count];

		if ((handler->columns & COLUMN_BIT(i)) == 0)
			continue;
		param->column = (BatchColumn) i;
		param->latest = latest;
		param->type = i == COLUMN_PAYLOAD ? handler->payload : columns[i].type;
		buffer_printf(sql, "%s$%d::%s[]", handler->param_count > first ? ", " : "",
					  handler->param_count + 1, pg_type_name(param->type));
		handler->param_count++;
	}
	buffer_append_str(sql, ") AS b(");
	for (int i = first; i < handler->param_count; i++)
		buffer_printf(sql, "%s\"%s\"", i > first ? ", " : "",
					  columns[handler->params[i].column].name);
	buffer_append_str(sql, "))");
}

bool
handler_sql_build(Handler *handler, const char *origin, Error *error)
{
	Reading reading = {.end = handler->user_sql};
	Buffer sql;

	if (!read_statement(handler, &reading, origin, error))
		return false;
	/* unnest() needs something to unnest. */
	if (handler->columns == 0)
		handler->columns = COLUMN_BIT(COLUMN_ORDINALITY);

	buffer_init(&sql, SQL_LIMIT);
	buffer_append_str(&sql, reading.recursive ? "WITH RECURSIVE " : "WITH ");
	if (handler->uses_batch)
		write_relation(handler, &sql, "batch", false);
	if (handler->uses_latest)
	{
		if (handler->uses_batch)
			buffer_append_str(&sql, ", ");
		write_relation(handler, &sql, "batch_latest", true);
	}
	buffer_append_str(&sql, reading.starts_with ? "," : "\n");
	handler->user_skip = reading.skip;
	handler->sql_prefix = sql.len;
	buffer_append(&sql, handler->user_sql + reading.skip,
				  (size_t) (reading.end - handler->user_sql) - reading.skip);
	if (sql.failed)
	{
		bool no_memory = sql.no_memory;

		buffer_free(&sql);
		if (no_memory)
			return error_bug(error, "out of memory");
		return refuse(handler, origin, "is too long", error);
	}
	handler->sql = sql.data;
	return true;
}

bool
handler_locate(const Handler *handler, size_t sql_char, int *line, int *column)
{
	size_t byte = 0;

	/* The server counts characters. */
	for (size_t n = 1; n < sql_char && handler->sql[byte] != '\0'; n++)
	{
		byte++;
		while (((unsigned char) handler->sql[byte] & 0xC0) == 0x80)
			byte++;
	}
	if (sql_char == 0 || byte < handler->sql_prefix)
		return false;
	byte = byte - handler->sql_prefix + handler->user_skip;
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < byte && handler->user_sql[i] != '\0'; i++)
	{
		if (handler->user_sql[i] == '\n')
		{
			(*line)++;
			*column = 1;
		}
		else if (((unsigned char) handler->user_sql[i] & 0xC0) != 0x80)
			(*column)++;
	}
	return true;
}
