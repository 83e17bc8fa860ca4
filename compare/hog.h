/*
 * hog.h
 *	  Takes all connections that a server has, and ends those of others.
 */
#ifndef OUTBOX_COMPARE_HOG_H
#define OUTBOX_COMPARE_HOG_H

#include "error.h"

typedef struct Hog Hog;

/*
 * conninfo: of another database of the same server than the one that is meant.  Blocks
 * until the server takes no more; some seconds at most.
 */
extern MUST_CHECK Hog *hog_start(const char *conninfo, const char *database, Error *error);
extern void hog_stop(Hog *hog); /* NULL is allowed */

#endif
