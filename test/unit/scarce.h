/*
 * scarce.h
 *	  For tests of what happens without memory: one allocation of the code under test fails, and
 *	  each of them in its turn.
 *
 * A program that includes this links test/lib/short_memory.o (short_memory.h).
 */
#ifndef OUTBOX_TEST_SCARCE_H
#define OUTBOX_TEST_SCARCE_H

#include "unit.h"

#include "error.h"
#include "short_memory.h"

/*
 * Runs it with the first allocation failing, then with the second, until none is left to fail.
 * It has to say true: all went well, which it may only when nothing failed or nothing was lost by
 * it.
 */
static inline void
scarce_each(bool (*run)(Error *error))
{
	unsigned failures = 0;

	for (;;)
	{
		bool ok;
		bool refused;
		Error error;

		error_clear(&error);
		short_memory_begin(failures + 1);
		ok = run(&error);
		refused = short_memory_refused();
		short_memory_begin(0);
		if (!refused)
		{
			assert_true(ok);
			assert_true(failures > 0);
			return;
		}
		/* Nobody blames the settings, or an event, for it. */
		if (!ok && error.error_class != ERROR_CLASS_NONE && error.error_class != ERROR_CLASS_BUG)
			fail_msg("allocation %u: %s", failures + 1, error.message);
		failures++;
		assert_true(failures < 10000);
	}
}

#endif
