/*
 * report_words.c
 *	  Numbers for people.
 */
#include "report_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NOTHING "\u2013"
#define THIN "\u202f"

static const char *
nothing(char *text)
{
	snprintf(text, WORD_SIZE, "%s", NOTHING);
	return text;
}

const char *
word_count(double count, char *text)
{
	char digits[WORD_SIZE];
	size_t len;
	size_t used = 0;

	if (isnan(count))
		return nothing(text);
	snprintf(digits, sizeof(digits), "%.0f", count);
	len = strlen(digits);
	if (len < 5 || len > 15)
	{
		snprintf(text, WORD_SIZE, "%.20s", digits);
		return text;
	}
	for (size_t i = 0; i < len; i++)
	{
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			used += (size_t) snprintf(text + used, WORD_SIZE - used, THIN);
		text[used++] = digits[i];
	}
	text[used] = '\0';
	return text;
}

const char *
word_percent(double percent, char *text)
{
	if (isnan(percent))
		return nothing(text);
	if (percent == 0 || percent == 100)
		snprintf(text, WORD_SIZE, "%.0f" THIN "%%", percent);
	else if (percent < 0.1)
		snprintf(text, WORD_SIZE, "<" THIN "0.1" THIN "%%");
	else
		snprintf(text, WORD_SIZE, "%.1f" THIN "%%",
				 percent < 100 ? floor(percent * 10 + 1e-6) / 10 : percent);
	return text;
}

const char *
word_ms(double ms, char *text)
{
	if (isnan(ms))
		return nothing(text);
	if (ms >= 9999.5)
		snprintf(text, WORD_SIZE, "%.1f" THIN "s", ms / 1000);
	else if (ms < 0.995 && ms > 0)
		snprintf(text, WORD_SIZE, "%.2f" THIN "ms", ms);
	else
		snprintf(text, WORD_SIZE, ms < 99.95 ? "%.1f" THIN "ms" : "%.0f" THIN "ms", ms);
	return text;
}

const char *
word_seconds(double seconds, char *text)
{
	if (isnan(seconds))
		return nothing(text);
	snprintf(text, WORD_SIZE,
			 seconds == floor(seconds) || seconds >= 99.95 ? "%.0f" THIN "s" : "%.1f" THIN "s",
			 seconds);
	return text;
}

const char *
word_bytes(double bytes, char *text)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	size_t unit = 0;

	if (isnan(bytes))
		return nothing(text);
	while (fabs(bytes) >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0]))
	{
		bytes /= 1000;
		unit++;
	}
	snprintf(text, WORD_SIZE,
			 unit == 0 || fabs(bytes) >= 99.95 ? "%.0f" THIN "%s" : "%.1f" THIN "%s", bytes,
			 units[unit]);
	return text;
}

const char *
word_plain(double number, char *text)
{
	if (isnan(number))
		text[0] = '\0';
	else
		snprintf(text, WORD_SIZE, "%.15g", number);
	return text;
}

void
html_text(Buffer *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		switch (*text)
		{
			case '&':
				buffer_append_str(out, "&amp;");
				break;
			case '<':
				buffer_append_str(out, "&lt;");
				break;
			case '>':
				buffer_append_str(out, "&gt;");
				break;
			case '"':
				buffer_append_str(out, "&quot;");
				break;
			case '\'':
				buffer_append_str(out, "&#39;");
				break;
			default:
				buffer_append(out, text, 1);
		}
	}
}

void
html_cell(Buffer *out, const char *text)
{
	buffer_append_str(out, "<td>");
	html_text(out, text);
	buffer_append_str(out, "</td>");
}
