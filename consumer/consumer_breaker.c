/*
 * consumer_breaker.c
 *	  What the breaker did is told, and what somebody wants of it is done.
 *
 * Refuses an order that means nothing in the present state.
 *
 * Invariants: each transition is logged once, with its reason and the numbers behind
 * it, in the order in which they came; so is each change of the mode, with who did it.
 */
#include "consumer_intern.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_SIZE 24

/* As the value of a field; NULL, which leaves the field out, when it says nothing. */
static const char *
number(char *room, int64_t value, bool says_something)
{
	snprintf(room, NUMBER_SIZE, "%lld", (long long) value);
	return says_something ? room : NULL;
}

static void
tell(const Consumer *consumer, const BreakerTransition *transition)
{
	bool opens = transition->to == BREAKER_OPEN;
	bool was_closed = transition->from == BREAKER_CLOSED && transition->reason != BREAKER_BY_MODE;
	char failures[NUMBER_SIZE];
	char successes[NUMBER_SIZE];
	char calls[NUMBER_SIZE];
	char failed[NUMBER_SIZE];
	char slow[NUMBER_SIZE];
	char lasted[NUMBER_SIZE];
	char wait[NUMBER_SIZE];

	log_event(opens ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "circuit breaker", "from",
			  breaker_state_name(transition->from), "to", breaker_state_name(transition->to),
			  "reason", breaker_reason_name(transition->reason), "failures",
			  number(failures, transition->failures, was_closed), "successes",
			  number(successes, transition->successes, transition->from == BREAKER_HALF_OPEN),
			  "window_calls", number(calls, transition->window.calls, was_closed),
			  "window_failures", number(failed, transition->window.failures, was_closed),
			  "window_slow", number(slow, transition->window.slow, was_closed), "lasted_ms",
			  number(lasted, transition->lasted_usec / USEC_PER_MS, transition->lasted_usec >= 0),
			  "retry_in_ms",
			  number(wait, transition->wait_usec / USEC_PER_MS, transition->wait_usec >= 0),
			  "last_error",
			  opens && transition->reason != BREAKER_BY_MODE && consumer->last_error[0] != '\0'
				  ? consumer->last_error
				  : NULL,
			  NULL);
}

void
consumer_tell_breaker(Consumer *consumer)
{
	BreakerTransition transition;

	while (breaker_take_transition(&consumer->breaker, &transition))
		tell(consumer, &transition);
}

bool
consumer_order_breaker(Consumer *consumer, BreakerOrder order, const char *by, MonoUsec now)
{
	Breaker *breaker = &consumer->breaker;
	BreakerMode before = breaker->mode;
	bool ok = true;

	switch (order)
	{
		case BREAKER_ORDER_OPEN:
			breaker_set_mode(breaker, BREAKER_FORCED_OPEN, now);
			break;
		case BREAKER_ORDER_HALF_OPEN:
			ok = breaker_try_now(breaker, now);
			break;
		case BREAKER_ORDER_CLOSE:
			breaker_close(breaker, now);
			break;
		case BREAKER_ORDER_DISABLE:
			breaker_set_mode(breaker, BREAKER_DISABLED, now);
			break;
		case BREAKER_ORDER_RESET:
			if (consumer->config->breaker_mode == BREAKER_AUTO)
				breaker_close(breaker, now);
			else
				breaker_set_mode(breaker, consumer->config->breaker_mode, now);
			break;
	}
	if (breaker->mode != before)
		log_event(LOG_LEVEL_WARNING, "circuit breaker: another mode", "from",
				  breaker_mode_name(before), "to", breaker_mode_name(breaker->mode), "by", by,
				  NULL);
	else if (ok && breaker->queued > 0)
		log_event(LOG_LEVEL_INFO, "circuit breaker: an order", "by", by, NULL);
	consumer_tell_breaker(consumer);
	/* Whoever releases it means now. */
	if (ok && breaker->state != BREAKER_OPEN)
	{
		consumer->probe_at = 0;
		for (int i = 0; i < consumer->lane_count; i++)
		{
			consumer->lanes[i].connect_at = 0;
			consumer->lanes[i].retry.retry_at = 0;
		}
	}
	consumer->ordered = true;
	return ok;
}

bool
consumer_breaker_order(const char *name, BreakerOrder *order)
{
	static const char *const names[] = {"open", "half-open", "close", "disable", "reset"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(name, names[i]) != 0)
			continue;
		*order = (BreakerOrder) i;
		return true;
	}
	return false;
}

void
consumer_write_breaker(const Consumer *consumer, Buffer *out)
{
	const Breaker *breaker = &consumer->breaker;
	BreakerCounts window = breaker_window(breaker, consumer->now);
	MonoUsec wake_at = breaker_wake_at(breaker);

	buffer_printf(out,
				  "{\"state\":\"%s\",\"mode\":\"%s\",\"failures\":%u,\"successes\":%u,"
				  "\"window\":{\"calls\":%u,\"failures\":%u,\"slow\":%u},\"retry_in_ms\":",
				  breaker_state_name(breaker->state), breaker_mode_name(breaker->mode),
				  breaker->failures, breaker->successes, window.calls, window.failures,
				  window.slow);
	if (wake_at == MONO_NEVER)
		buffer_append_str(out, "null}");
	else
		buffer_printf(
			out, "%lld}",
			(long long) (wake_at > consumer->now ? (wake_at - consumer->now) / USEC_PER_MS : 0));
}
