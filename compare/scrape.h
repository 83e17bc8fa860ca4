/*
 * scrape.h
 *	  What the daemons say over HTTP: are they ready, and their numbers.
 */
#ifndef OUTBOX_COMPARE_SCRAPE_H
#define OUTBOX_COMPARE_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "error.h"

/*
 * GET http://127.0.0.1:port/path within the time-out; the status, or 0 when
 * there was no complete answer.  body is emptied first and gets what came.
 */
extern int scrape_get(int port, const char *path, int64_t timeout_usec, Buffer *body);

/* The sum over all series of that name in the Prometheus text format; false when there is none. */
extern bool scrape_metric(const char *text, const char *name, double *sum);

#endif
