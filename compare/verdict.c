/*
 * verdict.c
 *	  Expectations, gathered as they are judged.
 */
#include "verdict.h"

#include <stdio.h>

_Static_assert(VERDICT_LEDGERS_MAX >= MODE_COUNT &&
				   VERDICT_LEDGERS_MAX >= SHOP_PATH_COUNT * SERVICE_COUNT,
			   "every ledger has its place");

static void
add(Verdict *verdict, const Judged *judged)
{
	verdict->all[verdict->count++] = *judged;
	verdict->passed = verdict->passed && judged->held;
}

void
verdict_begin(Verdict *verdict, bool passed)
{
	verdict->passed = passed;
	verdict->count = 0;
}

void
verdict_expect(Verdict *verdict, const Expectation *expectation, const Measured *measured)
{
	Judged judged = {.mode = expectation->mode,
					 .path = expectation->path,
					 .service = expectation->service,
					 .unit = expectation->unit};

	snprintf(judged.text, sizeof(judged.text), "%s", expectation->text);
	judged.held = expectation_held(expectation, measured, &judged.measured);
	add(verdict, &judged);
}

void
verdict_ledger(Verdict *verdict, const Judged *whose, bool closes)
{
	Judged judged = *whose;

	snprintf(judged.text, sizeof(judged.text), "the ledger closes");
	judged.unit = UNIT_COUNT;
	judged.measured = closes ? 1 : 0;
	judged.held = closes;
	add(verdict, &judged);
}
