/*
 * report_read.h
 *	  What report.json (version 2) says, for those that render it.  Pure.
 *
 * Numbers are doubles; NAN stands for one that is null, absent, no number or beyond
 * REPORT_NUMBER_MAX, and nobody makes a 0 of it: sums and axes stay finite.  Strings that are not there are "".  All pointers are borrowed from the
 * document.
 */
#ifndef OUTBOX_COMPARE_REPORT_READ_H
#define OUTBOX_COMPARE_REPORT_READ_H

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "error.h"

#define REPORT_VERSION 2
#define REPORT_PATHS_MAX 16
#define REPORT_NUMBER_MAX 1e24 /* more than anything that is counted or measured */

/* Refuses what is no report of version 2; the caller releases it with json_decref(). */
extern MUST_CHECK json_t *report_load(const char *path, Error *error);

extern double report_value(const json_t *value); /* NULL is allowed */
extern double report_number(const json_t *object, const char *key);
extern const char *report_string(const json_t *object, const char *key);
extern bool report_true(const json_t *object, const char *key);

/* What the members of an array or an object come to, as far as they are numbers; NAN: none. */
extern double report_sum(const json_t *numbers);

/* Of a path in a run: NULL when it didn't take part. */
extern const json_t *report_run_path(const json_t *run, const char *path);

/* What became of a path in a scenario, over all its runs. */
typedef struct Cell
{
	int runs; /* in which it took part; 0: it wasn't run */
	double offered, accepted, rejected, unknown, unknown_stored, unknown_missing;
	double durable, in_target, accepted_in_target;
	double lost, duplicates, order, pending, invented;
	double p50_ms, p99_ms;	 /* of the worst run */
	double accepted_percent; /* of the offered */
	double durable_percent;
	double visible_percent;
	bool closes; /* in every run */
	int expected, held;
} Cell;

extern void report_cell(const json_t *scenario, const char *path, Cell *cell);

/* The same over all scenarios. */
extern void report_cell_overall(const json_t *report, const char *path, Cell *cell);

/*
 * Per cent of the offered requests that came to nothing: rejected, lost, or without an answer
 * and not stored either, or stored in vain.
 */
extern double cell_missed_percent(const Cell *cell);

/* The worst that can be said of a cell. */
typedef enum Outcome
{
	OUTCOME_NOT_RUN,
	OUTCOME_WHOLE,	 /* everything was accepted and arrived once */
	OUTCOME_REFUSED, /* somebody was told no, or nothing; what was accepted arrived once */
	OUTCOME_PENDING, /* not all of what was accepted had arrived at the end */
	OUTCOME_WRONG /* lost, doubled, invented, out of order, stored in vain, or the books don't close */
} Outcome;

#define CELL_TEXT_SIZE 64

/* In one or two words: "12 lost". */
extern Outcome cell_outcome(const Cell *cell, char *text);

/* The scenario in which nothing fails: the one named "calm", else the first without faults, else NULL. */
extern const json_t *report_calm(const json_t *report);

/* Over all scenarios and runs. */
typedef struct Tally
{
	int scenarios, runs, paths;
	int cells, cells_run;
	int expected, held;
} Tally;

extern void report_tally(const json_t *report, Tally *tally);

#endif
