/*
 * sizer.h
 *	  How many records the next transaction takes.  Pure.
 *
 * The size doubles while full transactions are quick, and halves when one is
 * slow or runs into a time-out.
 *
 * After a data error it searches: the records known to hold the culprit (the
 * suspects, at the front of the batch) are applied half by half, so that about
 * log2(n) transactions find it, and all before it are applied.  A data error in
 * a transaction of one record has found it.
 */
#ifndef OUTBOX_CONSUMER_SIZER_H
#define OUTBOX_CONSUMER_SIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Sizer
{
	size_t size; /* 1 to max */
	size_t max;
	int64_t quick_usec; /* grow below it */
	int64_t slow_usec;	/* shrink above it */
	size_t suspects;	/* 0: nothing is searched */
} Sizer;

extern void sizer_init(Sizer *sizer, size_t max, int64_t target_usec);

/* For "left" records, with at most "probe" of them (0: no limit). */
extern size_t sizer_next(const Sizer *sizer, size_t left, size_t probe);

extern void sizer_succeeded(Sizer *sizer, size_t count, int64_t took_usec);
extern void sizer_timed_out(Sizer *sizer);

/* A data error among "count" records; true: it is the only one of them. */
extern bool sizer_data_error(Sizer *sizer, size_t count);

/* The front of the batch isn't what it was. */
extern void sizer_forget(Sizer *sizer);

#endif
