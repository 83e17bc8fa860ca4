/*
 * sql_scan.h
 *	  Cuts a statement into tokens, as far as one must to know what is a name and
 *	  what is not: strings ('', E'', $tag$ $tag$), quoted names, comments (nested
 *	  ones too), numbers, parameters.  Pure; it borrows the text.
 *
 * It takes standard_conforming_strings for granted.  Text that ends within a
 * string, a name or a comment gives SQL_BAD.
 */
#ifndef OUTBOX_CONSUMER_SQL_SCAN_H
#define OUTBOX_CONSUMER_SQL_SCAN_H

#include <stdbool.h>
#include <stddef.h>

typedef enum SqlTokenType
{
	SQL_END,
	SQL_WORD,	/* a keyword or an unquoted name */
	SQL_QUOTED, /* "a name", with its quotes */
	SQL_STRING,
	SQL_NUMBER,
	SQL_PARAMETER, /* $1 */
	SQL_SYMBOL,	   /* any other byte */
	SQL_BAD
} SqlTokenType;

typedef struct SqlToken
{
	SqlTokenType type;
	const char *text;
	size_t len;
} SqlToken;

typedef struct SqlScan
{
	const char *text;
	size_t len;
	size_t pos;
} SqlScan;

extern void sql_scan_init(SqlScan *scan, const char *text);
extern SqlToken sql_scan_next(SqlScan *scan);

/* Whether a token is this keyword or unquoted name (given in lower case). */
extern bool sql_token_is_word(const SqlToken *token, const char *word);
/* Whether it names this (lower-case) name, quoted or not. */
extern bool sql_token_names(const SqlToken *token, const char *name);
extern bool sql_token_is_symbol(const SqlToken *token, char symbol);

#endif
