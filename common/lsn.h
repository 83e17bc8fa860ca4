/*
 * lsn.h
 *	  WAL positions.  Pure.
 *
 * commit_lsn (where the commit record starts) and end_lsn (the first byte after
 * it) are different things and never share a name.  What is confirmed to the
 * server is an end_lsn.
 */
#ifndef OUTBOX_COMMON_LSN_H
#define OUTBOX_COMMON_LSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

typedef uint64_t PgLsn; /* 0 = no position */

#define LSN_INVALID ((PgLsn) 0)
#define LSN_TEXT_SIZE 18 /* "FFFFFFFF/FFFFFFFF" and the terminator */

/* "16/B374D848", 1 to 8 hexadecimal digits each side; nothing before or after. */
extern MUST_CHECK bool lsn_parse(const char *text, size_t len, PgLsn *lsn);

/* Writes at most LSN_TEXT_SIZE bytes; returns the length without the terminator. */
extern size_t lsn_format(PgLsn lsn, char *text);

#endif
