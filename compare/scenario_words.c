/*
 * scenario_words.c
 *	  Words, numbers with units, and errors that say where.  Pure.
 *
 * Refuses control characters and bytes that are no UTF-8 text at the line in
 * which they stand, so that no error quotes them.
 */
#include "scenario_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "exit_codes.h"

#define NUMBER_SIZE 32

void
words_init(Words *words, const char *file, const char *text, size_t len, Error *error)
{
	*words = (Words){.file = file,
					 .next_line = text,
					 .end = text + len,
					 .start = text,
					 .stop = text,
					 .at = text,
					 .before = text,
					 .error = error};
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static size_t
length_of_character(const char *text, const char *stop)
{
	unsigned char first = (unsigned char) *text;
	size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	unsigned char second;

	if ((first < 0x20 && !is_blank(*text)) || first == 0x7f || (first >= 0x80 && first < 0xc2) ||
		first > 0xf4 || (size_t) (stop - text) < len)
		return 0;
	for (size_t i = 1; i < len; i++)
	{
		if (((unsigned char) text[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Neither longer than it need be, nor half of a pair, nor beyond the last one. */
	second = len > 1 ? (unsigned char) text[1] : 0;
	if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
		(first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
		return 0;
	return len;
}

bool
text_is_valid(const char *text, size_t len)
{
	const char *stop = text + len;
	size_t step;

	for (; text < stop; text += step)
	{
		step = length_of_character(text, stop);
		if (step == 0)
			return false;
	}
	return true;
}

static bool
check_text(Words *words, const char *stop)
{
	size_t len;

	for (const char *at = words->start; at < stop; at += len)
	{
		len = length_of_character(at, stop);
		if (len == 0)
		{
			Word word = {at, 1, words->line, (int) (at - words->start) + 1};

			words->failed = true;
			return words_fail(words, &word, "byte 0x%02x is no text", (unsigned char) *at);
		}
	}
	return true;
}

bool
words_line(Words *words)
{
	const char *newline;
	const char *comment;
	const char *stop;

	if (words->next_line >= words->end)
		return false;
	words->line++;
	words->start = words->next_line;
	newline = memchr(words->start, '\n', (size_t) (words->end - words->start));
	stop = newline != NULL ? newline : words->end;
	words->next_line = newline != NULL ? newline + 1 : words->end;
	if (!check_text(words, stop))
		return false;
	comment = memchr(words->start, '#', (size_t) (stop - words->start));
	words->stop = comment != NULL ? comment : stop;
	words->at = words->before = words->start;
	return true;
}

/* -------------------------------------------------------------------------
 * words
 * ------------------------------------------------------------------------- */

static bool
is_sign(char c)
{
	return c == ',' || c == '+' || c == '=' || c == '<' || c == '>';
}

static Word
word_at(const Words *words)
{
	const char *at = words->at;
	Word word;

	while (at < words->stop && is_blank(*at))
		at++;
	word = (Word){.text = at, .line = words->line, .column = (int) (at - words->start) + 1};
	if (at == words->stop)
		return word;
	if (is_sign(*at))
	{
		bool two = (*at == '<' || *at == '>') && at + 1 < words->stop && at[1] == '=';

		word.len = two ? 2 : 1;
		return word;
	}
	while (at < words->stop && !is_blank(*at) && !is_sign(*at))
		at++;
	word.len = (size_t) (at - word.text);
	return word;
}

Word
words_peek(const Words *words)
{
	return word_at(words);
}

Word
words_next(Words *words)
{
	Word word = word_at(words);

	words->at = words->before = word.text + word.len;
	return word;
}

Word
words_rest_of_line(const Words *words)
{
	Word word = word_at(words);

	word.len = (size_t) (words->stop - word.text);
	while (word.len > 0 && is_blank(word.text[word.len - 1]))
		word.len--;
	return word;
}

Word
words_rest(Words *words)
{
	Word word = words_rest_of_line(words);

	words->at = words->before = words->stop;
	return word;
}

bool
word_is(const Word *word, const char *text)
{
	return word->len == strlen(text) && memcmp(word->text, text, word->len) == 0;
}

bool
words_accept(Words *words, const char *text)
{
	Word word = words_peek(words);

	if (!word_is(&word, text))
		return false;
	words_next(words);
	return true;
}

void
word_normalize(const Word *word, char *text, size_t size)
{
	size_t len = 0;
	bool blank = false;

	for (size_t i = 0; i < word->len; i++)
	{
		char c = word->text[i];

		if (is_blank(c))
		{
			blank = len > 0;
			continue;
		}
		if (len + blank + 1 >= size)
			break;
		if (blank)
			text[len++] = ' ';
		blank = false;
		text[len++] = c;
	}
	text[len] = '\0';
}

/* -------------------------------------------------------------------------
 * errors
 * ------------------------------------------------------------------------- */

static void
fail_with(Words *words, const Word *at, const char *fmt, va_list args)
{
	char what[256];

	vsnprintf(what, sizeof(what), fmt, args);
	/* An empty file has no line; its first one is where something is missing. */
	error_permanent(words->error, EXIT_CONFIG, "%s:%d:%d: %s", words->file,
					at->line > 0 ? at->line : 1, at->column, what);
}

bool
words_fail(Words *words, const Word *at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fail_with(words, at, fmt, args);
	va_end(args);
	return false;
}

bool
words_fail_hint(Words *words, const Word *at, const char *hint, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fail_with(words, at, fmt, args);
	va_end(args);
	return error_hint(words->error, "%s", hint);
}

/* How much of a word an error quotes. */
static int
shown(const Word *word)
{
	return word->len < 40 ? (int) word->len : 40;
}

bool
words_expect(Words *words, const char *text)
{
	Word word = words_next(words);

	if (word_is(&word, text))
		return true;
	if (word.len == 0)
		return words_fail(words, &word, "\"%s\" is missing", text);
	return words_fail(words, &word, "\"%s\" should stand in place of \"%.*s\"", text, shown(&word),
					  word.text);
}

bool
words_end(Words *words)
{
	Word word = words_next(words);

	return word.len == 0 ||
		   words_fail(words, &word, "\"%.*s\" is one word too many", shown(&word), word.text);
}

/* -------------------------------------------------------------------------
 * numbers
 * ------------------------------------------------------------------------- */

/* Digits with at most one point: what strtod() takes besides is refused. */
bool
word_number(const Word *word, double *number, Word *unit)
{
	char digits[NUMBER_SIZE];
	size_t len = 0;
	bool point = false;

	while (len < word->len && len + 1 < sizeof(digits) &&
		   ((word->text[len] >= '0' && word->text[len] <= '9') ||
			(len > 0 && !point && word->text[len] == '.')))
	{
		point = point || word->text[len] == '.';
		digits[len] = word->text[len];
		len++;
	}
	if (len == 0 || digits[len - 1] == '.')
		return false;
	digits[len] = '\0';
	*number = strtod(digits, NULL);
	*unit = (Word){word->text + len, word->len - len, word->line, word->column + (int) len};
	return true;
}

bool
words_duration(Words *words, int64_t least, int64_t most, int64_t *usec, Word *word)
{
	Word unit;
	double number;
	double scale;

	*word = words_next(words);
	if (!word_number(word, &number, &unit))
		return words_fail_hint(words, word, "It is a time, such as 20s, 300ms or 5min.",
							   "\"%.*s\" is no time", shown(word), word->text);
	if (word_is(&unit, "ms"))
		scale = USEC_PER_MS;
	else if (word_is(&unit, "s"))
		scale = USEC_PER_SEC;
	else if (word_is(&unit, "min"))
		scale = 60.0 * USEC_PER_SEC;
	else
		return words_fail_hint(words, word, "Units are ms, s and min.", "\"%.*s\" has no unit",
							   shown(word), word->text);
	number = number * scale + 0.5;
	if (number < (double) least || number > (double) most + 0.5)
		return words_fail(words, word, "\"%.*s\" is not between %g s and %g s", shown(word),
						  word->text, (double) least / USEC_PER_SEC, (double) most / USEC_PER_SEC);
	*usec = (int64_t) number;
	return true;
}

bool
words_number(Words *words, double least, double most, double *number, Word *word)
{
	Word unit;

	*word = words_next(words);
	if (!word_number(word, number, &unit) || unit.len > 0)
		return words_fail(words, word, "\"%.*s\" is no number", shown(word), word->text);
	if (*number < least || *number > most)
		return words_fail(words, word, "\"%.*s\" is not between %g and %g", shown(word), word->text,
						  least, most);
	return true;
}

bool
words_percent(Words *words, double *percent, Word *word)
{
	Word unit;

	*word = words_next(words);
	if (!word_number(word, percent, &unit) || !word_is(&unit, "%"))
		return words_fail(words, word, "\"%.*s\" is no percentage", shown(word), word->text);
	return *percent <= 100 ||
		   words_fail(words, word, "\"%.*s\" is more than 100%%", shown(word), word->text);
}

bool
words_bandwidth(Words *words, int64_t *bytes_per_s)
{
	Word word = words_next(words);
	Word unit;
	double number;

	if (!word_number(&word, &number, &unit) || !word_is(&unit, "kB/s"))
		return words_fail_hint(words, &word, "It is given as 64kB/s.", "\"%.*s\" is no bandwidth",
							   shown(&word), word.text);
	if (number < 1 || number > 1000000)
		return words_fail(words, &word, "\"%.*s\" is not between 1kB/s and 1000000kB/s",
						  shown(&word), word.text);
	*bytes_per_s = (int64_t) (number * 1000);
	return true;
}
