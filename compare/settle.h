/*
 * settle.h
 *	  What the records of a run and the rows that it left come to, path by path.
 *
 * Call it when nobody writes any more.
 */
#ifndef OUTBOX_COMPARE_SETTLE_H
#define OUTBOX_COMPARE_SETTLE_H

#include "audit.h"
#include "load.h"
#include "path_result.h"

typedef struct SettleInput
{
	AuditConfig audit;
	const Load *load;
	uint32_t drivers;
	MonoUsec start; /* of the load, and the same moment by the wall clock */
	UnixUsec wall_start;
	MonoUsec load_ended; /* no request was offered after it */
	MonoUsec back_at;	 /* everything that was broken served again; 0: nothing was broken */
	bool quiet;			 /* nothing was on its way any more at the end */
} SettleInput;

#define NEVER_VISIBLE (-1)

/*
 * visible_usec, unless it is NULL, has load_count() elements: for each request, from its
 * answer until it was visible in the target; NEVER_VISIBLE when it wasn't accepted or isn't
 * there.  The timeline's freshness is made of that.
 */
extern MUST_CHECK bool settle_path(const SettleInput *input, Mode mode, PathResult *result,
								   int64_t *visible_usec, Error *error);

#endif
