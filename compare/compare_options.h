/*
 * compare_options.h
 *	  The settings of outbox-compare, as values.
 */
#ifndef OUTBOX_COMPARE_OPTIONS_H
#define OUTBOX_COMPARE_OPTIONS_H

#include "error.h"
#include "mode.h"
#include "options.h"

extern const OptionTable compare_option_table;

typedef struct CompareConfig
{
	uint32_t rate; /* requests per second, for each mode */
	uint64_t seed;
	uint32_t drivers;
	bool modes[MODE_COUNT];
	int64_t duration_usec;
	int64_t outage_start_usec; /* from the start of the load */
	int64_t outage_end_usec;   /* equal: no outage */
	int64_t breaker_reset_usec;
	bool breaker_scaled; /* with the duration, not set */
	int http_threads;
	int pool_size;
	int pool_queue;
	int64_t pool_wait_usec;
	int64_t connect_timeout_usec;
	int64_t statement_timeout_usec;
	int64_t tcp_user_timeout_usec;
	int64_t client_timeout_usec;
	int64_t reconnect_min_usec;
	int64_t reconnect_max_usec;
	int64_t drain_timeout_usec;
	const char *dir;	/* NULL: chosen */
	const char *report; /* NULL: build/compare/report.json of the tree */
	bool keep;
} CompareConfig;

/* The strings are those of the options, which must stay. */
extern MUST_CHECK bool compare_config_fill(CompareConfig *config, const Options *options,
										   Error *error);

#endif
