/*
 * hog.h
 *	  Takes all connections that a server has, and ends those of others.
 */
#ifndef OUTBOX_COMPARE_HOG_H
#define OUTBOX_COMPARE_HOG_H

#include "error.h"

typedef struct Hog Hog;

/* Blocks until the server takes no more; at most a few seconds. */
extern MUST_CHECK Hog *hog_start(const char *conninfo, Error *error);
extern void hog_stop(Hog *hog); /* NULL is allowed */

#endif
