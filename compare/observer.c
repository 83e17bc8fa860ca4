/*
 * observer.c
 *	  Samples.  What can't be seen at the moment is UNSEEN; that is no error.
 */
#include "observer.h"

#include <stdlib.h>

#include "pg_session.h"
#include "scrape.h"

#define GET_TIMEOUT_USEC (200 * USEC_PER_MS)
#define QUERY_TIMEOUT_USEC USEC_PER_SEC
#define METRICS_LIMIT (1024 * 1024)

struct Observer
{
	ObserverConfig config;
	PgSession *session;
	Buffer metrics;
	Sample *samples;
	size_t count;
	size_t capacity;
	Sample last;
};

Observer *
observer_create(const ObserverConfig *config)
{
	Observer *observer = calloc(1, sizeof(*observer));

	if (observer == NULL)
		return NULL;
	observer->config = *config;
	buffer_init(&observer->metrics, METRICS_LIMIT);
	observer->last = (Sample){.breaker = UNSEEN, .lag = UNSEEN, .visible = UNSEEN};
	return observer;
}

void
observer_free(Observer *observer)
{
	if (observer == NULL)
		return;
	pg_session_close(observer->session);
	buffer_free(&observer->metrics);
	free(observer->samples);
	free(observer);
}

static void
look_at_consumer(Observer *observer, Sample *sample)
{
	double value;

	if (observer->config.consumer_port == 0 ||
		scrape_get(observer->config.consumer_port, "/metrics", GET_TIMEOUT_USEC,
				   &observer->metrics) != 200)
		return;
	if (scrape_metric(observer->metrics.data, "circuit_breaker_state", &value))
		sample->breaker = (int) value;
	if (scrape_metric(observer->metrics.data, "outbox_consumer_lag_records", &value) && value >= 0)
		sample->lag = (int64_t) value;
}

static void
look_at_target(Observer *observer, Sample *sample)
{
	Error ignored;

	if (observer->config.consumer_port == 0)
		return;
	if (observer->session == NULL)
		observer->session =
			pg_session_open(observer->config.target_conninfo, QUERY_TIMEOUT_USEC, &ignored);
	if (observer->session == NULL)
		return;
	if (!pg_session_number(observer->session,
						   "SELECT count(*) FROM location_history WHERE mode = 'outbox'",
						   &sample->visible, &ignored))
	{
		sample->visible = UNSEEN;
		pg_session_close(observer->session);
		observer->session = NULL;
	}
}

const Sample *
observer_look(Observer *observer, Phase phase)
{
	Sample sample = {
		.at = clock_mono(), .phase = phase, .breaker = UNSEEN, .lag = UNSEEN, .visible = UNSEEN};

	look_at_consumer(observer, &sample);
	if (phase != PHASE_OUTAGE)
		look_at_target(observer, &sample);
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
		observer->samples[observer->count++] = sample;
	observer->last = sample;
	return &observer->last;
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
