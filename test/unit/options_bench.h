/*
 * options_bench.h
 *	  For tests of the options of one table: they are there, with their defaults.
 */
#ifndef OUTBOX_TEST_OPTIONS_BENCH_H
#define OUTBOX_TEST_OPTIONS_BENCH_H

#include "unit.h"

#include "exit_codes.h"
#include "options_table.h"

static Options *options;
static Error error;

static inline int
setup(void **state)
{
	(void) state;
	options = options_create(&sample_table);
	error_clear(&error);
	return options != NULL ? 0 : -1;
}

static inline int
teardown(void **state)
{
	(void) state;
	options_free(options);
	options_free(NULL);
	return 0;
}

#define WITH_OPTIONS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
