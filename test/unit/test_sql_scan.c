/*
 * test_sql_scan.c
 *	  What is a name in SQL, and what only looks like one.
 */
#include "unit.h"

#include "sql_scan.h"

/* "w:select s:* ..." */
static void
expect(const char *sql, const char *tokens)
{
	static const char kinds[] = {0, 'w', 'q', 't', 'n', 'p', 's', 'B'};
	char found[1000] = "";
	size_t len = 0;
	SqlScan scan;

	sql_scan_init(&scan, sql);
	for (;;)
	{
		SqlToken token = sql_scan_next(&scan);

		if (token.type == SQL_END)
			break;
		len += (size_t) snprintf(found + len, sizeof(found) - len, "%s%c:%.*s", len > 0 ? " " : "",
								 kinds[token.type], (int) token.len, token.text);
		if (token.type == SQL_BAD)
			break;
	}
	assert_string_equal(found, tokens);
}

static void
tokens(void **state)
{
	(void) state;
	expect("", "");
	expect(" \t\n", "");
	expect("SELECT a.b, c1$ FROM t;", "w:SELECT w:a s:. w:b s:, w:c1$ w:FROM w:t s:;");
	expect("x->>'y'::int", "w:x s:- s:> s:> t:'y' s:: s:: w:int");
	expect("1.5e3 $12", "n:1.5e3 p:$12");
	expect("case when x then y else 'z' END", "w:case w:when w:x w:then w:y w:else t:'z' w:END");
	expect("gr\xc3\xb6\xc3\x9f"
		   "e",
		   "w:gr\xc3\xb6\xc3\x9f"
		   "e");
	expect("\"a \"\"b\"\"\" c", "q:\"a \"\"b\"\"\" w:c");
}

static void
strings_hide_what_is_in_them(void **state)
{
	(void) state;
	expect("'it''s -- x' y", "t:'it''s -- x' w:y");
	expect("'a\\' b", "t:'a\\' w:b");
	expect("E'a\\' b' c", "t:E'a\\' b' w:c");
	expect("e'\\\\' c", "t:e'\\\\' w:c");
	expect("$$ a ' \" $$ b", "t:$$ a ' \" $$ w:b");
	expect("$x$ a $$ b $y$ $x$ c", "t:$x$ a $$ b $y$ $x$ w:c");
	expect("a$b$ c", "w:a$b$ w:c");
	expect("$ x", "s:$ w:x");
	expect("$x y", "s:$ w:x w:y");
	expect("E'a\\", "B:E'a\\");
}

static void
comments_are_nothing(void **state)
{
	(void) state;
	expect("a -- b ' c\n d", "w:a w:d");
	expect("a /* b /* c */ ' */ d", "w:a w:d");
	expect("a /* 1 / 2 * 3 **/ d", "w:a w:d");
	expect("a -- to the end", "w:a");
	expect("a - b / c", "w:a s:- w:b s:/ w:c");
}

static void
text_without_an_end(void **state)
{
	static const char *const bad[] = {"'a",		  "\"a",	"$$ a", "$x$ a $$", "/* a",
									  "/* /* */", "E'a\\'", "'a''", "\"\"\""};

	(void) state;
	for (size_t i = 0; i < LENGTH(bad); i++)
	{
		SqlScan scan;

		sql_scan_init(&scan, bad[i]);
		if (sql_scan_next(&scan).type != SQL_BAD)
			fail_msg("%s", bad[i]);
	}
}

static void
names(void **state)
{
	SqlToken word = {SQL_WORD, "Batch", 5};
	SqlToken quoted = {SQL_QUOTED, "\"batch\"", 7};
	SqlToken other = {SQL_QUOTED, "\"Batch\"", 7};
	SqlToken string = {SQL_STRING, "'batch'", 7};

	(void) state;
	assert_true(sql_token_names(&word, "batch"));
	assert_true(sql_token_names(&quoted, "batch"));
	assert_false(sql_token_names(&other, "batch"));
	assert_false(sql_token_names(&string, "batch"));
	assert_false(sql_token_names(&word, "batch_latest"));
	assert_true(sql_token_is_word(&word, "batch"));
	assert_false(sql_token_is_word(&quoted, "batch"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens),
		cmocka_unit_test(strings_hide_what_is_in_them),
		cmocka_unit_test(comments_are_nothing),
		cmocka_unit_test(text_without_an_end),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("sql_scan", tests, NULL, NULL);
}
