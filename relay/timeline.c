/*
 * timeline.c
 *	  Which timeline the WAL at a position belongs to.
 *
 *	 1 --------+ 0/3000000
 *			   2 -------+ 0/5000000
 *						3 ---------> current
 *
 * Refuses a line that is no "<timeline> <switch LSN> ...", timelines or switch
 * positions that don't rise, an entry that isn't below the current timeline, and
 * more than TIMELINE_MAX entries.  After a refusal the history knows the current
 * timeline alone.
 *
 * Invariants: entries rise in timeline and never fall in end_lsn.
 */
#include "timeline.h"
#include "exit_codes.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A span of the line without blanks, taken off its front. */
static const char *
take_word(const char **line, size_t *len, size_t *word_len)
{
	const char *word;

	while (*len > 0 && is_blank(**line))
	{
		(*line)++;
		(*len)--;
	}
	word = *line;
	while (*len > 0 && !is_blank(**line))
	{
		(*line)++;
		(*len)--;
	}
	*word_len = (size_t) (*line - word);
	return word;
}

static bool
parse_timeline(const char *text, size_t len, uint32_t *timeline)
{
	uint64_t value = 0;

	if (len == 0 || len > 10)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t) (text[i] - '0');
	}
	if (value == 0 || value > UINT32_MAX)
		return false;
	*timeline = (uint32_t) value;
	return true;
}

/* One line without its newline; *reason is set when it is refused. */
static bool
parse_line(TimelineHistory *history, const char *line, size_t len, const char **reason)
{
	TimelineEntry entry;
	size_t word_len;
	const char *word = take_word(&line, &len, &word_len);

	if (word_len == 0 || word[0] == '#')
		return true;
	*reason = "no timeline number";
	if (!parse_timeline(word, word_len, &entry.timeline))
		return false;
	word = take_word(&line, &len, &word_len);
	*reason = "no switch position";
	if (!lsn_parse(word, word_len, &entry.end_lsn))
		return false;
	*reason = "a timeline that isn't below the current one";
	if (entry.timeline >= history->current)
		return false;
	*reason = "timelines out of order";
	if (history->count > 0)
	{
		const TimelineEntry *before = &history->entries[history->count - 1];

		if (entry.timeline <= before->timeline || entry.end_lsn < before->end_lsn)
			return false;
	}
	*reason = "too many timelines";
	if (history->count == TIMELINE_MAX)
		return false;
	history->entries[history->count++] = entry;
	return true;
}

void
timeline_init(TimelineHistory *history, uint32_t current)
{
	history->current = current;
	history->count = 0;
}

bool
timeline_parse(TimelineHistory *history, uint32_t current, const char *text, size_t len,
			   Error *error)
{
	int line_number = 0;

	timeline_init(history, current);
	while (len > 0)
	{
		const char *newline = memchr(text, '\n', len);
		size_t line_len = newline != NULL ? (size_t) (newline - text) : len;
		size_t taken = newline != NULL ? line_len + 1 : line_len;
		const char *reason = NULL;

		line_number++;
		if (!parse_line(history, text, line_len, &reason))
		{
			timeline_init(history, current);
			return error_permanent(error, EXIT_SERVER,
								   "invalid history of timeline %u: line %d has %s",
								   (unsigned) current, line_number, reason);
		}
		text += taken;
		len -= taken;
	}
	return true;
}

uint32_t
timeline_of(const TimelineHistory *history, PgLsn lsn)
{
	int i = history->count;

	/* From the end: what is asked about is nearly always on the current one. */
	while (i > 0 && lsn < history->entries[i - 1].end_lsn)
		i--;
	return i == history->count ? history->current : history->entries[i].timeline;
}
