/*
 * spent.h
 *	  What a piece of work took, as a line of JSON.
 *
 * Processor times are of the whole process, of all its threads, between spent_begin() and spent_end().
 */
#ifndef OUTBOX_BENCH_SPENT_H
#define OUTBOX_BENCH_SPENT_H

#include "clock.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Spent
{
	UnixUsec began;
	UnixUsec ended;
	int64_t user_usec;
	int64_t system_usec;
	int pid;			 /* of a process that is looked at beside; 0: none */
	int64_t beside_nsec; /* of that one on a processor, since it was started */
} Spent;

/* pid: another process of this machine, or 0. */
extern void spent_begin(Spent *spent, int pid);
extern void spent_end(Spent *spent);
/* The fields, without braces: "began_usec": ..., and so on. */
extern void spent_print(const Spent *spent);

#endif
