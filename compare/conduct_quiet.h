/*
 * conduct_quiet.h
 *	  Whether anything is still on its way to the target.
 *
 * Quiet is when the application has no message in its queue, the target has as many
 * rows as the source or PostgreSQL was told that Kafka has everything, the consumer has
 * nothing before it, and no row came, all of it for a while: what comes later would be
 * there twice.
 */
#ifndef OUTBOX_COMPARE_CONDUCT_QUIET_H
#define OUTBOX_COMPARE_CONDUCT_QUIET_H

#include "sample.h"
#include "stage.h"

typedef struct Quiet Quiet;

extern Quiet *quiet_create(Stage *stage); /* NULL: no memory */
extern void quiet_free(Quiet *quiet);	  /* NULL is allowed */

/* True from when it has been quiet for a while.  The load has ended, all parts are up. */
extern bool quiet_look(Quiet *quiet, const Sample *sample);

#endif
