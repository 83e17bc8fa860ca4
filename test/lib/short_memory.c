/*
 * short_memory.c
 *	  The allocations of a program under test: counted, and one of them refused.
 *
 * What a library allocated may be freed by the program, so blocks are known by their addresses, in a table
 * without gaps between a block and the place that its address gives it.
 *
 * One thread.
 */
#include "short_memory.h"

#include <stddef.h>
#include <stdlib.h>

#define PLACES ((size_t) 1 << 16)

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
static int hushed;
static void *blocks[PLACES];
static size_t held;

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
	return (int64_t) held;
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

static size_t
home_of(const void *block)
{
	return (size_t) ((uint64_t) (uintptr_t) block * UINT64_C(0x9E3779B97F4A7C15) >> 48) % PLACES;
}

/* Where the block is, or is to be. */
static size_t
place_of(const void *block)
{
	size_t place = home_of(block);

	while (blocks[place] != NULL && blocks[place] != block)
		place = (place + 1) % PLACES;
	return place;
}

static void *
keep(void *block)
{
	if (block == NULL)
		return NULL;
	if (++held > PLACES / 2)
		abort(); /* more than any test of ours needs */
	blocks[place_of(block)] = block;
	return block;
}

static void
forget(void *block)
{
	size_t gap = place_of(block);

	if (block == NULL || blocks[gap] == NULL)
		return;
	held--;
	blocks[gap] = NULL;
	/* What comes behind it may have to move up. */
	for (size_t place = (gap + 1) % PLACES; blocks[place] != NULL; place = (place + 1) % PLACES)
	{
		void *other = blocks[place];

		blocks[place] = NULL;
		blocks[place_of(other)] = other;
	}
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
	forget(block);
	return keep(__real_realloc(block, size));
}

void
__wrap_free(void *block)
{
	forget(block);
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
