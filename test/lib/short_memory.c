/*
 * short_memory.c
 *	  The allocations of a program under test: counted, and one of them refused.
 *
 * One thread.
 */
#include "short_memory.h"

#include <stddef.h>

extern void *__real_malloc(size_t size);
extern void *__real_calloc(size_t count, size_t size);
extern void *__real_realloc(void *block, size_t size);
extern void __real_free(void *block);
extern char *__real_strdup(const char *text);
extern char *__real_strndup(const char *text, size_t len);

extern void *__wrap_malloc(size_t size);
extern void *__wrap_calloc(size_t count, size_t size);
extern void *__wrap_realloc(void *block, size_t size);
extern void __wrap_free(void *block);
extern char *__wrap_strdup(const char *text);
extern char *__wrap_strndup(const char *text, size_t len);

static uint64_t asked;
static uint64_t refused_number;
static bool refused;
static int64_t held;
static int hushed;

void
short_memory_begin(uint64_t number)
{
	asked = 0;
	refused_number = number;
	refused = false;
	hushed = 0;
}

uint64_t
short_memory_asked(void)
{
	return asked;
}

bool
short_memory_refused(void)
{
	return refused;
}

int64_t
short_memory_held(void)
{
	return held;
}

void
short_memory_hush(bool hush)
{
	hushed += hush ? 1 : -1;
}

static bool
is_refused(void)
{
	if (hushed > 0 || ++asked != refused_number)
		return false;
	refused = true;
	return true;
}

static void *
keep(void *block)
{
	held += block != NULL;
	return block;
}

void *
__wrap_malloc(size_t size)
{
	return is_refused() ? NULL : keep(__real_malloc(size));
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : keep(__real_calloc(count, size));
}

void *
__wrap_realloc(void *block, size_t size)
{
	if (is_refused())
		return NULL;
	if (block == NULL)
		return keep(__real_malloc(size));
	return __real_realloc(block, size);
}

void
__wrap_free(void *block)
{
	held -= block != NULL;
	__real_free(block);
}

char *
__wrap_strdup(const char *text)
{
	return is_refused() ? NULL : keep(__real_strdup(text));
}

char *
__wrap_strndup(const char *text, size_t len)
{
	return is_refused() ? NULL : keep(__real_strndup(text, len));
}
