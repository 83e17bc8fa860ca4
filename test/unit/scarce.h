/*
 * scarce.h
 *	  For tests of what happens without memory: one allocation of the code under test fails, and
 *	  each of them in its turn.
 *
 * A program that includes this has WRAP_<test> = $(SCARCE) in links.mk: its linker puts these
 * functions before the C library's.  What libraries allocate themselves is not among it.
 */
#ifndef OUTBOX_TEST_SCARCE_H
#define OUTBOX_TEST_SCARCE_H

#include "unit.h"

#include "error.h"

extern void *__real_malloc(size_t size);
extern void *__real_calloc(size_t count, size_t size);
extern void *__real_realloc(void *memory, size_t size);
extern char *__real_strdup(const char *text);
extern char *__real_strndup(const char *text, size_t len);
extern void *__wrap_malloc(size_t size);
extern void *__wrap_calloc(size_t count, size_t size);
extern void *__wrap_realloc(void *memory, size_t size);
extern char *__wrap_strdup(const char *text);
extern char *__wrap_strndup(const char *text, size_t len);

static unsigned scarce_left; /* the last of so many fails; 0: none does */
static bool scarce_failed;

static inline bool
scarce_fails(void)
{
	if (scarce_left == 0 || --scarce_left > 0)
		return false;
	scarce_failed = true;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return scarce_fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return scarce_fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
	return scarce_fails() ? NULL : __real_realloc(memory, size);
}

char *
__wrap_strdup(const char *text)
{
	return scarce_fails() ? NULL : __real_strdup(text);
}

char *
__wrap_strndup(const char *text, size_t len)
{
	return scarce_fails() ? NULL : __real_strndup(text, len);
}

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
		Error error;

		error_clear(&error);
		scarce_failed = false;
		scarce_left = failures + 1;
		ok = run(&error);
		scarce_left = 0;
		if (!scarce_failed)
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
