/*
 * sql_scan.c
 *	  The lexical structure of SQL, as much of it as sql_scan.h says.
 */
#include "sql_scan.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void
sql_scan_init(SqlScan *scan, const char *text)
{
	scan->text = text;
	scan->len = strlen(text);
	scan->pos = 0;
}

static char
at(const SqlScan *scan, size_t pos)
{
	return pos < scan->len ? scan->text[pos] : '\0';
}

static bool
starts_word(char c)
{
	return isalpha((unsigned char) c) || c == '_' || (unsigned char) c >= 0x80;
}

static bool
goes_on_word(char c)
{
	return starts_word(c) || isdigit((unsigned char) c) || c == '$';
}

/* Past white space and comments; false when a comment has no end. */
static bool
skip_space(SqlScan *scan)
{
	while (scan->pos < scan->len)
	{
		char c = at(scan, scan->pos);

		if (isspace((unsigned char) c))
			scan->pos++;
		else if (c == '-' && at(scan, scan->pos + 1) == '-')
		{
			while (scan->pos < scan->len && at(scan, scan->pos) != '\n')
				scan->pos++;
		}
		else if (c == '/' && at(scan, scan->pos + 1) == '*')
		{
			int depth = 1;

			scan->pos += 2;
			while (depth > 0)
			{
				if (scan->pos >= scan->len)
					return false;
				if (at(scan, scan->pos) == '/' && at(scan, scan->pos + 1) == '*')
				{
					depth++;
					scan->pos += 2;
				}
				else if (at(scan, scan->pos) == '*' && at(scan, scan->pos + 1) == '/')
				{
					depth--;
					scan->pos += 2;
				}
				else
					scan->pos++;
			}
		}
		else
			break;
	}
	return true;
}

/* From an opening quote to behind the closing one; a doubled quote stands for itself. */
static bool
skip_quoted(SqlScan *scan, char quote, bool backslashes)
{
	scan->pos++;
	while (scan->pos < scan->len)
	{
		char c = at(scan, scan->pos++);

		if (c == '\\' && backslashes)
			scan->pos++;
		else if (c == quote)
		{
			if (at(scan, scan->pos) != quote)
				return true;
			scan->pos++;
		}
	}
	return false;
}

/* The length of "$tag$" here; 0 when there is none. */
static size_t
dollar_tag(const SqlScan *scan)
{
	size_t len = 1;

	if (starts_word(at(scan, scan->pos + 1)))
	{
		while (goes_on_word(at(scan, scan->pos + len)) && at(scan, scan->pos + len) != '$')
			len++;
	}
	return at(scan, scan->pos + len) == '$' ? len + 1 : 0;
}

static bool
skip_dollar_quoted(SqlScan *scan, size_t tag_len)
{
	const char *tag = scan->text + scan->pos;

	for (scan->pos += tag_len; scan->pos + tag_len <= scan->len; scan->pos++)
	{
		if (memcmp(scan->text + scan->pos, tag, tag_len) == 0)
		{
			scan->pos += tag_len;
			return true;
		}
	}
	return false;
}

static SqlTokenType
scan_token(SqlScan *scan)
{
	char c = at(scan, scan->pos);
	size_t tag_len;

	if (c == '\'')
		return skip_quoted(scan, '\'', false) ? SQL_STRING : SQL_BAD;
	if (c == '"')
		return skip_quoted(scan, '"', false) ? SQL_QUOTED : SQL_BAD;
	if ((c == 'e' || c == 'E') && at(scan, scan->pos + 1) == '\'')
	{
		scan->pos++;
		return skip_quoted(scan, '\'', true) ? SQL_STRING : SQL_BAD;
	}
	if (starts_word(c))
	{
		while (goes_on_word(at(scan, scan->pos)))
			scan->pos++;
		return SQL_WORD;
	}
	if (isdigit((unsigned char) c))
	{
		while (isalnum((unsigned char) at(scan, scan->pos)) || at(scan, scan->pos) == '.')
			scan->pos++;
		return SQL_NUMBER;
	}
	if (c == '$' && isdigit((unsigned char) at(scan, scan->pos + 1)))
	{
		scan->pos++;
		while (isdigit((unsigned char) at(scan, scan->pos)))
			scan->pos++;
		return SQL_PARAMETER;
	}
	if (c == '$' && (tag_len = dollar_tag(scan)) > 0)
		return skip_dollar_quoted(scan, tag_len) ? SQL_STRING : SQL_BAD;
	scan->pos++;
	return SQL_SYMBOL;
}

SqlToken
sql_scan_next(SqlScan *scan)
{
	SqlToken token = {SQL_END, scan->text + scan->len, 0};
	size_t start;

	if (!skip_space(scan))
	{
		token.type = SQL_BAD;
		return token;
	}
	start = scan->pos;
	token.text = scan->text + start;
	if (start >= scan->len)
		return token;
	token.type = scan_token(scan);
	if (scan->pos > scan->len)
		scan->pos = scan->len;
	token.len = scan->pos - start;
	return token;
}

bool
sql_token_is_word(const SqlToken *token, const char *word)
{
	return token->type == SQL_WORD && token->len == strlen(word) &&
		   strncasecmp(token->text, word, token->len) == 0;
}

bool
sql_token_names(const SqlToken *token, const char *name)
{
	if (token->type == SQL_QUOTED)
		return token->len == strlen(name) + 2 && memcmp(token->text + 1, name, token->len - 2) == 0;
	return sql_token_is_word(token, name);
}

bool
sql_token_is_symbol(const SqlToken *token, char symbol)
{
	return token->type == SQL_SYMBOL && *token->text == symbol;
}
