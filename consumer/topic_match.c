/*
 * topic_match.c
 *	  Names of topics and expressions for them.
 *
 * Invariants: what topic_is_hidden() says is what topic_hidden_list() makes librdkafka
 * hide; no locale is ever set in this program, so that characters are bytes.
 */
#include "topic_match.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "exit_codes.h"

#define REPEAT_MAX 1000
#define INTERNAL_PREFIX "__"
/* Of dead_letter.topic as it is unless it is set: letters of other groups aren't read either. */
#define LETTERS_PREFIX "outbox.dead-letter."

struct TopicMatch
{
	regex_t compiled;
};

bool
topic_is_expression(const char *text)
{
	return text[0] == '^';
}

bool
topic_is_legal(const char *topic)
{
	size_t len = strspn(topic, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return topic[len] == '\0' && len >= 1 && len <= TOPIC_NAME_MAX && strcmp(topic, ".") != 0 &&
		   strcmp(topic, "..") != 0;
}

/* Behind a set; NULL when it has no end.  "]" is a character where it begins, and so is a backslash in it. */
static const char *
behind_set(const char *set)
{
	set += set[1] == '^' ? 2 : 1;
	set = *set != '\0' ? strchr(set + 1, ']') : NULL;
	return set != NULL ? set + 1 : NULL;
}

/* The next character that isn't in a set, '\0' when there is none; a backslash before it isn't given. */
static char
next_character(const char **at, bool *escaped)
{
	const char *c = *at;

	while (c != NULL && *c == '[')
		c = behind_set(c);
	if (c == NULL || *c == '\0')
		return '\0';
	*escaped = *c == '\\' && c[1] != '\0';
	c += *escaped;
	*at = c + 1;
	return *c;
}

static bool
has_back_reference(const char *expression)
{
	bool escaped;
	char c;

	while ((c = next_character(&expression, &escaped)) != '\0')
	{
		if (escaped && c >= '1' && c <= '9')
			return true;
	}
	return false;
}

/*
 * Each repetition within another one multiplies what it repeats, and regcomp() takes the memory
 * for it: more than there is of (((a{250}){250}){250}).
 */
static bool
repeats_too_often(const char *expression)
{
	unsigned long times = 1;
	bool escaped;
	char c;

	while (times <= REPEAT_MAX && (c = next_character(&expression, &escaped)) != '\0')
	{
		unsigned long number;

		if (escaped || c != '{' || !isdigit((unsigned char) *expression))
			continue;
		number = strtoul(expression, (char **) &expression, 10);
		if (expression[0] == ',' && isdigit((unsigned char) expression[1]))
			number = strtoul(expression + 1, (char **) &expression, 10);
		times *= number > REPEAT_MAX ? REPEAT_MAX + 1 : number > 0 ? number : 1;
	}
	return times > REPEAT_MAX;
}

TopicMatch *
topic_match_create(const char *expression, Error *error)
{
	TopicMatch *match;
	char reason[128];
	int code;

	if (strlen(expression) > TOPIC_EXPRESSION_MAX)
	{
		error_permanent(error, EXIT_CONFIG, "it has more than %d bytes", TOPIC_EXPRESSION_MAX);
		return NULL;
	}
	if (has_back_reference(expression))
	{
		error_permanent(error, EXIT_CONFIG, "it has a back reference");
		return NULL;
	}
	if (repeats_too_often(expression))
	{
		error_permanent(error, EXIT_CONFIG, "its {} repeat more than %d times together",
						REPEAT_MAX);
		return NULL;
	}
	match = malloc(sizeof(*match));
	if (match == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	code = regcomp(&match->compiled, expression, REG_EXTENDED | REG_NOSUB);
	if (code == 0)
		return match;
	(void) regerror(code, &match->compiled, reason, sizeof(reason));
	free(match);
	error_permanent(error, EXIT_CONFIG, "%s", reason);
	return NULL;
}

void
topic_match_free(TopicMatch *match)
{
	if (match == NULL)
		return;
	regfree(&match->compiled);
	free(match);
}

bool
topic_match(const TopicMatch *match, const char *topic)
{
	return regexec(&match->compiled, topic, 0, NULL, 0) == 0;
}

bool
topic_is_hidden(const char *topic, const char *letters)
{
	return strncmp(topic, INTERNAL_PREFIX, strlen(INTERNAL_PREFIX)) == 0 ||
		   strncmp(topic, LETTERS_PREFIX, strlen(LETTERS_PREFIX)) == 0 ||
		   (*letters != '\0' && strcmp(topic, letters) == 0);
}

/* As an expression for the name itself; of what topics may have only "." means something. */
static void
append_literally(Buffer *out, const char *name)
{
	for (const char *at = name; *at != '\0'; at++)
	{
		if (*at == '.')
			buffer_append_str(out, "[.]");
		else
			buffer_append_u8(out, (uint8_t) *at);
	}
}

char *
topic_hidden_list(const char *letters)
{
	Buffer list;
	char *text;

	buffer_init(&list, 4096);
	buffer_append_str(&list, "^");
	append_literally(&list, INTERNAL_PREFIX);
	buffer_append_str(&list, ",^");
	append_literally(&list, LETTERS_PREFIX);
	if (*letters != '\0')
	{
		buffer_append_str(&list, ",^");
		append_literally(&list, letters);
		buffer_append_u8(&list, '$');
	}
	text = list.failed ? NULL : strndup((const char *) list.data, list.len);
	buffer_free(&list);
	return text;
}
