/*
 * scenario_words.h
 *	  The words of a scenario file, and where they stand.  For scenario*.c alone.
 *
 * A line ends at '\n'; what follows '#' is a comment.  Words are separated by
 * blanks; ',' '+' '=' '<' '>' '<=' '>=' are words of their own.
 */
#ifndef OUTBOX_COMPARE_SCENARIO_WORDS_H
#define OUTBOX_COMPARE_SCENARIO_WORDS_H

#include "scenario.h"

typedef struct Word
{
	const char *text; /* into the file; not terminated */
	size_t len;		  /* 0: the end of the line */
	int line;
	int column;
} Word;

typedef struct Words
{
	const char *file;
	const char *next_line;
	const char *end;
	const char *start; /* of the line */
	const char *stop;  /* its end, or its comment */
	const char *at;
	const char *before; /* where the word that came last ends */
	int line;
	bool failed; /* a byte that is no text */
	Error *error;
} Words;

extern void words_init(Words *words, const char *file, const char *text, size_t len, Error *error);
extern bool words_line(Words *words); /* false: there is none, or it failed */

extern Word words_next(Words *words);
extern Word words_peek(const Words *words);
extern Word words_rest(Words *words); /* takes all that is left, blanks included */
extern Word words_rest_of_line(const Words *words);
extern bool words_accept(Words *words, const char *text); /* takes the word if it is that */

/* All of these fill the error with file, line and column when they return false. */
extern MUST_CHECK bool words_expect(Words *words, const char *text);
extern MUST_CHECK bool words_end(Words *words);
extern MUST_CHECK bool words_duration(Words *words, int64_t least, int64_t most, int64_t *usec,
									  Word *word);
extern MUST_CHECK bool words_number(Words *words, double least, double most, double *number,
									Word *word);
extern MUST_CHECK bool words_percent(Words *words, double *percent, Word *word);
extern MUST_CHECK bool words_bandwidth(Words *words, int64_t *bytes_per_s);

extern bool words_fail(Words *words, const Word *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
extern bool words_fail_hint(Words *words, const Word *at, const char *hint, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* UTF-8, and nothing that isn't printed but blanks. */
extern bool text_is_valid(const char *text, size_t len);

extern bool word_is(const Word *word, const char *text);
/* Number and unit of "12.5ms"; false when it doesn't begin with a number. */
extern bool word_number(const Word *word, double *number, Word *unit);
/* With single blanks, cut to the size. */
extern void word_normalize(const Word *word, char *text, size_t size);

/* "latency target 300ms": kind, place and text of a fault. */
extern MUST_CHECK bool fault_take(Words *words, ScenarioKind kind, FaultPlan *plan);

/* "outbox lost = 0, duplicates = 0": adds to the scenario's expectations. */
extern MUST_CHECK bool expectations_take(Words *words, Scenario *scenario);

#endif
