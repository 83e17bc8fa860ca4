/*
 * fuzz_sql.c
 *	  Any text as a handler's statement: its tokens, the statement that is prepared, and where a
 *	  character of that is in the handler's.
 */
#include "fuzz.h"

#include <string.h>

#include "exit_codes.h"
#include "handlers.h"
#include "sql_scan.h"

/* Tokens follow each other, and between them is what no token is. */
static void
check_tokens(const char *sql)
{
	const char *end = sql;
	SqlScan scan;
	SqlToken token;

	sql_scan_init(&scan, sql);
	do
	{
		token = sql_scan_next(&scan);
		if (token.type == SQL_BAD)
			return;
		FUZZ_ASSERT(token.text >= end && token.text + token.len <= sql + strlen(sql));
		FUZZ_ASSERT((token.len == 0) == (token.type == SQL_END));
		end = token.text + token.len;
	} while (token.type != SQL_END);
}

/* Each character of the handler's that is in the prepared statement is found where it stands. */
static void
check_places(const Handler *handler)
{
	size_t characters = 0;
	int lines = 1;

	for (const char *at = handler->user_sql; *at != '\0'; at++)
		lines += *at == '\n';
	for (const char *at = handler->sql; *at != '\0'; at++)
		characters += ((unsigned char) *at & 0xc0) != 0x80;
	for (size_t n = 0; n <= characters + 1; n++)
	{
		int line = 0;
		int column = 0;

		if (handler_locate(handler, n, &line, &column))
			FUZZ_ASSERT(line >= 1 && line <= lines && column >= 1 &&
						(size_t) column <= strlen(handler->user_sql) + 1);
	}
}

static void
check_prepared(const Handler *handler)
{
	FUZZ_ASSERT(handler->uses_batch || handler->uses_latest);
	FUZZ_ASSERT(handler->param_count > 0 && handler->param_count <= HANDLER_PARAMS_MAX);
	FUZZ_ASSERT(handler->user_skip <= strlen(handler->user_sql));
	/* Nothing is added behind it, and nothing of it is lost but blanks, comments and the ";". */
	FUZZ_ASSERT(strncmp(handler->sql + handler->sql_prefix, handler->user_sql + handler->user_skip,
						strlen(handler->sql + handler->sql_prefix)) == 0);
	check_tokens(handler->sql);
	check_places(handler);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *sql = fuzz_text(data, size);
	Handlers handlers;
	Error error;

	FUZZ_ASSERT(sql != NULL);
	check_tokens(sql);
	handlers_init(&handlers);
	error_clear(&error);
	if (handlers_add(&handlers, "t", NULL, "jsonb", sql, "fuzz.ini:1", &error))
		check_prepared(&handlers.items[0]);
	else
		FUZZ_ASSERT(error.exit_code == EXIT_CONFIG && error.message[0] != '\0');
	handlers_free(&handlers);
	free(sql);
	return 0;
}
