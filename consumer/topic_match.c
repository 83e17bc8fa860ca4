/*
 * topic_match.c
 *	  Names of topics and expressions for them.
 *
 * Invariants: what topic_is_hidden() says is what topic_hidden_list() makes librdkafka
 * hide; no locale is ever set in this program, so that characters are bytes.
 */
#include "topic_match.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "exit_codes.h"

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

/* In brackets a backslash is a character. */
static bool
has_back_reference(const char *expression)
{
	for (const char *at = expression; *at != '\0'; at++)
	{
		if (*at == '[')
		{
			/* "]" is a character where a set begins. */
			at += at[1] == '^' ? 2 : 1;
			at = *at != '\0' ? strchr(at + 1, ']') : NULL;
			if (at == NULL)
				return false;
		}
		else if (*at == '\\')
		{
			at++;
			if (*at >= '1' && *at <= '9')
				return true;
			if (*at == '\0')
				return false;
		}
	}
	return false;
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
