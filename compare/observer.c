/*
 * observer.c
 *	  Samples.  What can't be seen at the moment is UNSEEN; that is no error.
 *
 * The breaker is half-open for moments only.  When its transitions show that it was
 * since the last look, the sample says so.
 */
#include "observer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "row_counts.h"
#include "scrape.h"

#define GET_TIMEOUT_USEC (200 * USEC_PER_MS)
#define QUERY_TIMEOUT_USEC USEC_PER_SEC
#define METRICS_LIMIT (1024 * 1024)
#define HALF_OPEN 1

struct Observer
{
	ObserverConfig config;
	PgSession *target;
	PgSession *source;
	RowCounts counts; /* of this run's rows */
	Buffer metrics;
	double half_opened; /* how often so far */
	bool half_opened_known;
	Sample *samples;
	size_t count;
	size_t capacity;
	Sample last;
	int64_t cost_usec;
};

static void
clear_sample(Sample *sample)
{
	*sample = (Sample){.breaker = UNSEEN, .lag = UNSEEN, .retained = UNSEEN};
	for (int mode = 0; mode < MODE_COUNT; mode++)
		sample->visible[mode] = sample->age_usec[mode] = UNSEEN;
}

Observer *
observer_create(const ObserverConfig *config, Error *error)
{
	Observer *observer = calloc(1, sizeof(*observer));

	if (observer == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	observer->config = *config;
	buffer_init(&observer->metrics, METRICS_LIMIT);
	clear_sample(&observer->last);
	observer->target = pg_session_open(config->target_conninfo, QUERY_TIMEOUT_USEC, error);
	if (observer->target == NULL || !row_counts_begin(&observer->counts, observer->target, error))
	{
		observer_free(observer);
		return NULL;
	}
	return observer;
}

void
observer_free(Observer *observer)
{
	if (observer == NULL)
		return;
	pg_session_close(observer->target);
	pg_session_close(observer->source);
	buffer_free(&observer->metrics);
	free(observer->samples);
	free(observer);
}

/* -------------------------------------------------------------------------
 * the consumer
 * ------------------------------------------------------------------------- */

/* Transitions into half-open, from the metrics. */
static double
half_openings(const char *text)
{
	static const char name[] = "outbox_consumer_breaker_transitions_total{";
	double sum = 0;

	for (const char *line = text; line != NULL && *line != '\0';)
	{
		const char *newline = strchr(line, '\n');
		const char *to = strstr(line, "to=\"half-open\"");
		const char *value = to != NULL ? strchr(to, '}') : NULL;

		if (strncmp(line, name, strlen(name)) == 0 && value != NULL &&
			(newline == NULL || value < newline))
			sum += strtod(value + 1, NULL);
		line = newline != NULL ? newline + 1 : NULL;
	}
	return sum;
}

static void
look_at_consumer(Observer *observer, Sample *sample)
{
	const char *text;
	double value;
	double openings;

	if (observer->config.consumer_port == 0 ||
		scrape_get(observer->config.consumer_port, "/metrics", GET_TIMEOUT_USEC,
				   &observer->metrics) != 200)
		return;
	text = observer->metrics.data;
	if (scrape_metric(text, "circuit_breaker_state", &value))
		sample->breaker = (int) value;
	if (scrape_metric(text, "outbox_consumer_lag_records", &value) && value >= 0)
		sample->lag = (int64_t) value;
	openings = half_openings(text);
	if (observer->half_opened_known && openings > observer->half_opened)
		sample->breaker = HALF_OPEN;
	observer->half_opened = openings;
	observer->half_opened_known = true;
}

/* -------------------------------------------------------------------------
 * the databases
 * ------------------------------------------------------------------------- */

static PgSession *
session_of(PgSession **session, const char *conninfo)
{
	Error ignored;

	if (*session == NULL)
		*session = pg_session_open(conninfo, QUERY_TIMEOUT_USEC, &ignored);
	return *session;
}

static void
drop_session(PgSession **session)
{
	pg_session_close(*session);
	*session = NULL;
}

static void
look_at_target(Observer *observer, Sample *sample)
{
	UnixUsec newest[MODE_COUNT];
	UnixUsec now = clock_wall();
	Error ignored;

	if (session_of(&observer->target, observer->config.target_conninfo) == NULL)
		return;
	if (!row_counts_look(&observer->counts, observer->target, sample->visible, newest, &ignored))
	{
		for (int mode = 0; mode < MODE_COUNT; mode++)
			sample->visible[mode] = UNSEEN;
		drop_session(&observer->target);
		return;
	}
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (newest[mode] != 0)
			sample->age_usec[mode] = now > newest[mode] ? now - newest[mode] : 0;
	}
}

static void
look_at_source(Observer *observer, Sample *sample)
{
	Error ignored;

	if (observer->config.source_conninfo == NULL ||
		session_of(&observer->source, observer->config.source_conninfo) == NULL)
		return;
	if (pg_session_number(observer->source,
						  "SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)),"
						  " 0)::bigint FROM pg_replication_slots",
						  &sample->retained, &ignored))
		return;
	sample->retained = UNSEEN;
	drop_session(&observer->source);
}

/* -------------------------------------------------------------------------
 * samples
 * ------------------------------------------------------------------------- */

static void
keep(Observer *observer, const Sample *sample)
{
	if (observer->count == observer->capacity)
	{
		size_t capacity = observer->capacity == 0 ? 1024 : 2 * observer->capacity;
		Sample *samples = realloc(observer->samples, capacity * sizeof(*samples));

		if (samples != NULL)
		{
			observer->samples = samples;
			observer->capacity = capacity;
		}
	}
	if (observer->count < observer->capacity)
		observer->samples[observer->count++] = *sample;
	observer->last = *sample;
}

const Sample *
observer_look(Observer *observer, Phase phase, uint64_t faults, const ObserverBlind *blind)
{
	MonoUsec began = clock_mono();
	Sample sample;

	clear_sample(&sample);
	sample.at = began;
	sample.phase = phase;
	sample.faults = faults;
	if (!blind->consumer)
		look_at_consumer(observer, &sample);
	if (!blind->target)
		look_at_target(observer, &sample);
	else
		drop_session(&observer->target);
	if (!blind->source)
		look_at_source(observer, &sample);
	else
		drop_session(&observer->source);
	keep(observer, &sample);
	observer->cost_usec = clock_mono() - began;
	return &observer->last;
}

int64_t
observer_cost_usec(const Observer *observer)
{
	return observer->cost_usec;
}

const Sample *
observer_samples(const Observer *observer, size_t *count)
{
	*count = observer->count;
	return observer->samples;
}

const Sample *
observer_last(const Observer *observer)
{
	return &observer->last;
}
