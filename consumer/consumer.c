/*
 * consumer.c
 *	  One round over inbox, breaker and lanes, in the order of consumer.h.
 *
 * Invariant: the inbox is polled in every round that may take a record, and while
 * all partitions of the lanes that are full are paused in all rounds.
 */
#include "consumer_intern.h"

#include <stdlib.h>

#include "exit_codes.h"

#define ROUND_USEC (500 * USEC_PER_MS)

Consumer *
consumer_create(const ConsumerConfig *config, Handlers *handlers, Inbox *inbox,
				Target *const *targets, int target_count, uint64_t seed)
{
	Consumer *consumer = calloc(1, sizeof(*consumer));

	if (consumer == NULL)
		return NULL;
	consumer->config = config;
	consumer->handlers = handlers;
	consumer->inbox = inbox;
	consumer->leave_at = MONO_NEVER;
	random_seed(&consumer->random, seed);
	stats_init(&consumer->stats);
	breaker_init(&consumer->breaker, &config->breaker);
	breaker_set_mode(&consumer->breaker, config->breaker_mode, clock_mono());
	partitions_init(&consumer->partitions);
	consumer->lanes = calloc((size_t) target_count, sizeof(*consumer->lanes));
	if (consumer->lanes == NULL || !consumer_letters_init(consumer))
	{
		consumer_destroy(consumer);
		return NULL;
	}
	consumer->lane_count = target_count;
	for (int i = 0; i < target_count; i++)
		lane_init(&consumer->lanes[i], consumer, i, targets[i]);
	return consumer;
}

void
consumer_destroy(Consumer *consumer)
{
	if (consumer == NULL)
		return;
	for (size_t i = 0; i < consumer->revoked.count; i++)
		free((char *) consumer->revoked.items[i].topic);
	free(consumer->revoked.items);
	free(consumer->places.items);
	consumer_letters_free(consumer);
	for (int i = 0; i < consumer->lane_count; i++)
		lane_free(&consumer->lanes[i]);
	free(consumer->lanes);
	partitions_free(&consumer->partitions);
	free(consumer);
}

/* The first reason counts, in the order of the records. */
void
consumer_fail(Consumer *consumer, const Error *error)
{
	if (consumer->failure.error_class == ERROR_CLASS_NONE || consumer->finishing)
		consumer->failure = *error;
	consumer->finishing = false;
}

void
consumer_stop(Consumer *consumer, MonoUsec now)
{
	if (consumer->phase == CONSUMER_RUNNING)
	{
		consumer->phase = CONSUMER_DRAINING;
		consumer->leave_at = now + consumer->config->drain_timeout_usec;
	}
	else
		consumer->phase = CONSUMER_OVER;
}

int
consumer_exit(const Consumer *consumer, const Error **error)
{
	*error = &consumer->failure;
	switch (consumer->failure.error_class)
	{
		case ERROR_CLASS_NONE:
			return EXIT_OK;
		case ERROR_CLASS_PERMANENT:
			return consumer->failure.exit_code;
		default:
			return EXIT_BUG;
	}
}

/* -------------------------------------------------------------------------
 * rounds
 * ------------------------------------------------------------------------- */

static void
settle(Consumer *consumer)
{
	for (int i = 0; i < consumer->lane_count; i++)
		lane_settle(&consumer->lanes[i]);
}

/* In turns: while the breaker is half-open the first that has something gets the permit. */
static void
admit(Consumer *consumer)
{
	int first = consumer->turn++ % consumer->lane_count;

	for (int i = 0; i < consumer->lane_count; i++)
	{
		lane_admit(&consumer->lanes[(first + i) % consumer->lane_count]);
		if (consumer->failure.error_class != ERROR_CLASS_NONE && !consumer->finishing)
			return;
	}
	if (consumer->turn >= consumer->lane_count)
		consumer->turn = 0;
}

static void
step_letters(Consumer *consumer)
{
	for (int i = 0; i < consumer->lane_count; i++)
		consumer_letter_step(&consumer->lanes[i]);
}

bool
consumer_is_applying(const Consumer *consumer)
{
	for (int i = 0; i < consumer->lane_count; i++)
	{
		if (consumer->lanes[i].request == REQUEST_APPLY)
			return true;
	}
	return false;
}

size_t
consumer_waiting(const Consumer *consumer)
{
	size_t waiting = 0;

	for (int i = 0; i < consumer->lane_count; i++)
		waiting += lane_waiting(&consumer->lanes[i]);
	return waiting;
}

TargetState
consumer_target_state(const Consumer *consumer)
{
	TargetState least = TARGET_BUSY;

	for (int i = 0; i < consumer->lane_count; i++)
	{
		const Lane *lane = &consumer->lanes[i];
		TargetState state = lane->target->methods->state(lane->target);

		if (lane_is_needed(lane) && state < least)
			least = state;
	}
	return least;
}

const char *
consumer_server(const Consumer *consumer)
{
	for (int i = 0; i < consumer->lane_count; i++)
	{
		const Target *target = consumer->lanes[i].target;
		const char *server = target->methods->server(target);

		if (server != NULL)
			return server;
	}
	return NULL;
}

int
consumer_connections(const Consumer *consumer)
{
	int count = 0;

	for (int i = 0; i < consumer->lane_count; i++)
	{
		const Target *target = consumer->lanes[i].target;

		count += target->methods->state(target) >= TARGET_IDLE;
	}
	return count;
}

static void
run(Consumer *consumer)
{
	consumer_read(consumer);
	settle(consumer);
	consumer_finish_revoked(consumer);
	step_letters(consumer);
	if (consumer->failure.error_class == ERROR_CLASS_NONE)
	{
		consumer_begin(consumer);
		consumer_rewind(consumer);
		admit(consumer);
	}
	consumer_tell_breaker(consumer);
	consumer_pause(consumer);
	consumer_look_at_lag(consumer);
	if (consumer->failure.error_class != ERROR_CLASS_NONE)
		consumer_stop(consumer, consumer->now);
}

/* Whether what was read before a record that ends it can be applied still. */
static bool
can_finish(const Consumer *consumer)
{
	return consumer->finishing && !consumer->revoking &&
		   consumer->breaker.state == BREAKER_CLOSED && consumer_waiting(consumer) > 0;
}

/*
 * What is under way ends; the rest is in Kafka.  The target is let go then:
 * nobody looks after it while the group is left.
 */
static void
drain(Consumer *consumer)
{
	settle(consumer);
	/* Else whoever has the partition next makes it. */
	if (can_finish(consumer))
		step_letters(consumer);
	if (consumer->now < consumer->leave_at)
	{
		if (can_finish(consumer))
			admit(consumer);
		if (consumer_is_applying(consumer) || can_finish(consumer))
			return;
	}
	for (int i = 0; i < consumer->lane_count; i++)
	{
		Lane *lane = &consumer->lanes[i];

		lane->request = REQUEST_NONE;
		lane->target->methods->close(lane->target);
	}
	consumer_finish_revoked(consumer);
	consumer->inbox->methods->close(consumer->inbox);
	consumer->phase = CONSUMER_LEAVING;
}

static void
leave(Consumer *consumer)
{
	consumer_read(consumer);
	consumer_finish_revoked(consumer);
	if (consumer->now >= consumer->leave_at)
		consumer->phase = CONSUMER_OVER;
}

bool
consumer_step(Consumer *consumer, MonoUsec now)
{
	consumer->now = now;
	consumer->ordered = false;
	if (consumer->phase == CONSUMER_RUNNING)
		run(consumer);
	if (consumer->phase == CONSUMER_DRAINING)
		drain(consumer);
	consumer_tell_breaker(consumer);
	if (consumer->phase == CONSUMER_LEAVING)
		leave(consumer);
	return consumer->phase != CONSUMER_OVER;
}

MonoUsec
consumer_wake_at(const Consumer *consumer, MonoUsec now)
{
	MonoUsec wake_at = now + ROUND_USEC;
	MonoUsec others[] = {breaker_wake_at(&consumer->breaker), consumer->leave_at};

	if (consumer->phase == CONSUMER_LEAVING && !consumer->more)
		return consumer->leave_at < wake_at ? consumer->leave_at : wake_at;
	if (consumer->more || consumer->ordered)
		return now;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		if (others[i] < wake_at)
			wake_at = others[i];
	}
	for (int i = 0; i < consumer->lane_count; i++)
	{
		MonoUsec lane_at = lane_wake_at(&consumer->lanes[i], now);

		if (lane_at < wake_at)
			wake_at = lane_at;
	}
	return wake_at;
}

bool
consumer_wants_records(const Consumer *consumer)
{
	return !consumer->revoking &&
		   (consumer_has_room(consumer) || consumer->phase == CONSUMER_LEAVING);
}
