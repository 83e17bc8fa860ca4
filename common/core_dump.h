/*
 * core_dump.h
 *	  Whether a crash leaves this process's memory behind, passwords and events in it.
 *
 * Forbidden also means that no other process of the same user reads that memory, or the
 * environment that it was started with: only root does.  It holds from the call on, until
 * the next exec(); threads share it.  RLIMIT_CORE is left as it is, and doesn't matter:
 * a program that core_pattern names gets nothing either.
 */
#ifndef OUTBOX_COMMON_CORE_DUMP_H
#define OUTBOX_COMMON_CORE_DUMP_H

extern void core_dump_forbid(void);
extern void core_dump_allow(void);

#endif
