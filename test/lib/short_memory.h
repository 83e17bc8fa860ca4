/*
 * short_memory.h
 *	  The allocations of a program under test: counted, and one of them refused.
 *
 * The linker puts the functions of short_memory.c in the place of the C library's
 * (-Wl,--wrap=malloc and so on, SHORT_MEMORY in short_memory.mk), for the objects that are linked into the
 * program: what shared libraries allocate is not theirs to refuse.
 *
 * Contract
 *	- Between short_memory_begin(N) and the next one the N-th allocation is refused, and no other; 0: none is.
 *	- What the test itself allocates stands between short_memory_hush(true) and (false): it is not counted.
 *	- A block that isn't given back is one that short_memory_held() knows of.
 */
#ifndef OUTBOX_TEST_SHORT_MEMORY_H
#define OUTBOX_TEST_SHORT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

extern void short_memory_begin(uint64_t refused);
/* Since then: how many were asked for, and whether it came to the one that is refused. */
extern uint64_t short_memory_asked(void);
extern bool short_memory_refused(void);
/* Blocks that are held at the moment, whoever asked for them. */
extern int64_t short_memory_held(void);
extern void short_memory_hush(bool hush);

#endif
