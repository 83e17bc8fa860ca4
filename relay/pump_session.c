/*
 * pump_session.c
 *	  A pump's birth, and what it keeps from one stream to the next.
 *
 * Refuses to start a stream while something is in flight.
 *
 * Invariants: of two points to resume at, the later one counts; the durable mark
 * never goes back, but for a new server life (pump_forget()).
 */
#include "pump_intern.h"

#include <stdlib.h>

static const double delivery_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
										 0.25,	0.5,	1,	   2.5,	 5,		10,	  60};

Pump *
pump_create(const PumpConfig *config)
{
	Pump *pump = calloc(1, sizeof(*pump));

	if (pump == NULL)
		return NULL;
	pump->config = *config;
	pump->marked_at = MONO_LONG_AGO;
	pump->window = window_create(&config->window);
	if (pump->window == NULL)
	{
		free(pump);
		return NULL;
	}
	histogram_init(&pump->stats.delivery_seconds, delivery_bounds,
				   (int) (sizeof(delivery_bounds) / sizeof(delivery_bounds[0])));
	histogram_init(&pump->stats.read_seconds, delivery_bounds,
				   (int) (sizeof(delivery_bounds) / sizeof(delivery_bounds[0])));
	return pump;
}

void
pump_configure(Pump *pump, const PumpConfig *config, int64_t feedback_interval_usec)
{
	pump->config.mark_interval_usec = config->mark_interval_usec;
	pump->config.mark_idle_bytes = config->mark_idle_bytes;
	pump->config.gather_usec = config->gather_usec;
	pace_configure(&pump->pace, config->gather_usec);
	pump->feedback.config.interval_usec = feedback_interval_usec;
}

bool
pump_resize(Pump *pump, const WindowLimits *limits, Error *error)
{
	if (!window_resize(pump->window, limits, error))
		return false;
	pump->config.window = *limits;
	return true;
}

void
pump_free(Pump *pump)
{
	if (pump == NULL)
		return;
	heartbeats_free(&pump->heartbeats);
	assembler_free(pump->assembler);
	window_free(pump->window);
	free(pump);
}

/* -------------------------------------------------------------------------
 * sessions
 * -------------------------------------------------------------------------
 */

bool
pump_forget(Pump *pump, Error *error)
{
	DeliveryWindow *window = window_create(&pump->config.window);

	if (window == NULL)
		return error_bug(error, "out of memory");
	pump->transactions_settled += window_transactions_settled(pump->window);
	window_free(pump->window);
	pump->window = window;
	pump->durable = LSN_INVALID;
	pump->resume = (StreamPoint){0};
	pump->careful_until = (StreamPoint){0};
	pump->last_event_end = LSN_INVALID;
	pump->stats.last = (Position){0};
	pump->stats.server_end = LSN_INVALID;
	pump->failed = false;
	pump->lone = false;
	pump->kafka = (KafkaTransaction){0};
	pump->commit_before = LSN_INVALID;
	pump_forget_condemned(pump);
	heartbeats_free(&pump->heartbeats);
	pump_source_lost(pump);
	return true;
}

void
pump_source_lost(Pump *pump)
{
	pump->held = false;
	pump->listening = false;
	pace_init(&pump->pace, pump->config.gather_usec);
	pump->in_transaction = false;
	pump->kafka.amid = false;
	heartbeats_free(&pump->heartbeats);
}

/* Keeps the later of what is known and of what the window says. */
static void
remember_resume_point(Pump *pump)
{
	ResumePoint now = window_resume_point(pump->window);
	StreamPoint point = {now.start_lsn, 0};

	if (now.commit_lsn != LSN_INVALID)
		point = (StreamPoint){now.commit_lsn, now.ordinal};
	if (point_before(pump->resume, point))
		pump->resume = point;
}

void
pump_sink_lost(Pump *pump)
{
	remember_resume_point(pump);
	window_reset(pump->window, window_confirmed(pump->window));
	pump->failed = false;
	pump->lone = false;
	pump->kafka = (KafkaTransaction){.split = pump->kafka.split, .last = pump->kafka.last};
	pump_source_lost(pump);
}

bool
pump_start(Pump *pump, uint32_t generation, const TimelineHistory *timelines, Router *router,
		   PgLsn mark_lsn, const FeedbackConfig *feedback, MonoUsec now, PgLsn *start_lsn,
		   Error *error)
{
	if (window_events(pump->window) > 0)
		return error_bug(error, "a stream was started with events in flight");
	pump_source_lost(pump);
	remember_resume_point(pump);
	window_reset(pump->window, mark_lsn);
	pump->timelines = *timelines;
	pump->generation = generation;
	assembler_free(pump->assembler);
	pump->assembler = assembler_create(generation, &pump->timelines);
	if (pump->assembler == NULL)
		return error_bug(error, "out of memory");
	assembler_take_messages(pump->assembler, pump->messages_before);
	pump->router = router;
	pump->finishing = false;
	if (mark_lsn > pump->durable)
		pump->durable = mark_lsn;
	pump->start_lsn = window_confirmed(pump->window);
	feedback_init(&pump->feedback, feedback, now);
	*start_lsn = pump->start_lsn;
	return true;
}

void
pump_take_messages(Pump *pump, PgLsn before)
{
	pump->messages_before = before;
}

void
pump_server_at(Pump *pump, PgLsn end_lsn)
{
	if (end_lsn > pump->stats.server_end)
		pump->stats.server_end = end_lsn;
}
