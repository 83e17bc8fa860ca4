/*
 * consumer.c
 *	  One round over inbox, breaker and target, in the order of consumer.h.
 *
 * Invariants: one request to the target at a time; nothing is sent that the
 * breaker didn't admit; the inbox is polled in every round that may take a
 * record, and while partitions are paused in all rounds.
 */
#include "consumer_intern.h"

#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"

#define ROUND_USEC (500 * USEC_PER_MS)
#define PROBE_INTERVAL_USEC USEC_PER_SEC
#define ROTATE_INTERVAL_USEC (60 * USEC_PER_SEC)

Consumer *
consumer_create(const ConsumerConfig *config, Handlers *handlers, Inbox *inbox, Target *target,
				uint64_t seed)
{
	Consumer *consumer = calloc(1, sizeof(*consumer));
	BackoffConfig reconnect = {.floor_usec = 0,
							   .base_usec = config->reconnect_min_usec,
							   .cap_usec = config->reconnect_max_usec};

	if (consumer == NULL)
		return NULL;
	consumer->config = config;
	consumer->handlers = handlers;
	consumer->inbox = inbox;
	consumer->target = target;
	consumer->leave_at = MONO_NEVER;
	random_seed(&consumer->random, seed);
	stats_init(&consumer->stats);
	breaker_init(&consumer->breaker, &config->breaker);
	breaker_set_mode(&consumer->breaker, config->breaker_mode, clock_mono());
	retry_init(&consumer->retry, config->retry_min_usec, config->retry_max_usec,
			   config->retry_attempts);
	sizer_init(&consumer->sizer, config->batch_records, config->batch_target_usec);
	backoff_init(&consumer->reconnect, &reconnect);
	partitions_init(&consumer->partitions);
	if (!consumer_letters_init(consumer))
	{
		free(consumer);
		return NULL;
	}
	for (int i = 0; i < 2; i++)
		batch_init(&consumer->batches[i], config->batch_records, (size_t) config->batch_bytes);
	consumer->filling = &consumer->batches[0];
	consumer->applying = &consumer->batches[1];
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
	free(consumer->moves);
	free(consumer->move_slots);
	free(consumer->moved);
	free(consumer->positions);
	consumer_letters_free(consumer);
	batch_free(&consumer->batches[0]);
	batch_free(&consumer->batches[1]);
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
 * the target
 * ------------------------------------------------------------------------- */

static void
settle(Consumer *consumer)
{
	RequestKind request = consumer->request;
	TargetFailure failure;
	TargetEvent event = consumer->target->methods->step(consumer->target, consumer->now, &failure);

	if (event == TARGET_NOTHING)
		return;
	consumer->answered_at = consumer->now;
	if (event == TARGET_CONNECTED)
	{
		consumer->stats.connects++;
		consumer->probe_at = consumer->now + PROBE_INTERVAL_USEC;
		consumer_forget_progress(consumer);
		log_event(LOG_LEVEL_INFO, "connected to the target", "server",
				  consumer->target->methods->server(consumer->target), NULL);
		return;
	}
	consumer->request = REQUEST_NONE;
	if (event == TARGET_FAILED)
	{
		if (request == REQUEST_APPLY)
			consumer_apply_failed(consumer, &failure);
		else
			consumer_target_failed(consumer, &failure);
		return;
	}
	switch (request)
	{
		case REQUEST_READ:
			consumer_take_progress(consumer);
			break;
		case REQUEST_APPLY:
			consumer_settle(consumer);
			break;
		case REQUEST_PROBE:
			/* At rest it is no news that it works. */
			if (consumer->breaker.state != BREAKER_CLOSED || consumer->breaker.failures > 0)
				breaker_succeeded(&consumer->breaker, consumer->now,
								  consumer->now - consumer->request_at, &consumer->random);
			retry_succeeded(&consumer->retry);
			backoff_reset(&consumer->reconnect);
			break;
		case REQUEST_ROTATE:
		case REQUEST_NONE:
			break;
	}
}

/* A third of the time that ids are kept goes by between two that do something. */
static bool
rotation_is_due(Consumer *consumer)
{
	int64_t interval = consumer->config->inbox_retention_usec / 12;
	const Handlers *handlers = consumer->handlers;
	bool rotates = false;

	if (consumer->now < consumer->rotate_at)
		return false;
	consumer->rotate_at =
		consumer->now + (interval < ROTATE_INTERVAL_USEC ? interval : ROTATE_INTERVAL_USEC);
	for (int topic = 0; topic < handlers->topic_count; topic++)
		rotates = rotates || handlers->topic_rules[topic].dedupe != DEDUPE_NONE;
	return rotates;
}

/* The records of the next transaction; 0: there are none. */
static size_t
next_records(Consumer *consumer, bool probe)
{
	if (consumer_letter_waits(consumer))
		return 0;
	if (batch_left(consumer->applying) == 0)
	{
		Batch *swap = consumer->applying;

		if (consumer->filling->count == 0)
			return 0;
		batch_clear(swap);
		consumer->applying = consumer->filling;
		consumer->filling = swap;
		sizer_forget(&consumer->sizer);
	}
	return sizer_next(&consumer->sizer, batch_left(consumer->applying),
					  probe ? consumer->config->probe_records : 0);
}

static bool
request_records(Consumer *consumer, size_t count, TargetFailure *failure)
{
	consumer->request = REQUEST_APPLY;
	if (!consumer_request_apply(consumer, count, failure))
		return false;
	if (consumer->move_count == 0)
	{
		consumer->request = REQUEST_NONE;
		consumer_settle(consumer);
	}
	return true;
}

/* Whether the target hasn't said anything for a while. */
static bool
is_quiet(const Consumer *consumer)
{
	int64_t interval = consumer->config->probe_interval_usec;

	return interval > 0 && consumer->now - consumer->answered_at >= interval;
}

static bool
request(Consumer *consumer, bool probe, TargetFailure *failure)
{
	size_t count;

	consumer->request_at = consumer->now;
	if (consumer_needs_progress(consumer))
	{
		consumer->request = REQUEST_READ;
		return consumer_request_progress(consumer, failure);
	}
	if (!probe && rotation_is_due(consumer))
	{
		consumer->request = REQUEST_ROTATE;
		return consumer->target->methods->rotate(consumer->target, consumer->now, failure);
	}
	count = next_records(consumer, probe);
	if (count > 0)
		return request_records(consumer, count, failure);
	/*
	 * Nothing to apply: ask, so that a breaker can close, failures are forgotten, and a
	 * target that went away at rest is noticed.
	 */
	if (((probe || consumer->breaker.failures > 0) && consumer->now >= consumer->probe_at) ||
		is_quiet(consumer))
	{
		consumer->probe_at = consumer->now + PROBE_INTERVAL_USEC;
		consumer->request = REQUEST_PROBE;
		return consumer->target->methods->probe(consumer->target, consumer->now, failure);
	}
	return true;
}

static void
admit(Consumer *consumer)
{
	TargetState state = consumer->target->methods->state(consumer->target);
	BreakerVerdict verdict;
	TargetFailure failure;

	if (state == TARGET_CONNECTING || state == TARGET_BUSY || consumer->revoking)
		return;
	verdict = breaker_ask(&consumer->breaker, consumer->now);
	if (verdict == BREAKER_REJECT)
		return;
	if (state == TARGET_CLOSED)
	{
		if (verdict == BREAKER_ADMIT && consumer->now < consumer->connect_at)
			return;
		consumer->request_at = consumer->now;
		consumer->request = REQUEST_NONE;
		if (!consumer->target->methods->connect(consumer->target, consumer->now, &failure))
			consumer_target_failed(consumer, &failure);
		return;
	}
	if (consumer->now < consumer->retry.retry_at)
		return;
	if (!request(consumer, verdict == BREAKER_PROBE, &failure))
	{
		bool applied = consumer->request == REQUEST_APPLY;

		consumer->request = REQUEST_NONE;
		if (applied)
			consumer_apply_failed(consumer, &failure);
		else
			consumer_target_failed(consumer, &failure);
	}
}

/* -------------------------------------------------------------------------
 * rounds
 * ------------------------------------------------------------------------- */

static void
run(Consumer *consumer)
{
	consumer_read(consumer);
	settle(consumer);
	consumer_finish_revoked(consumer);
	consumer_letter_step(consumer);
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
		   consumer->breaker.state == BREAKER_CLOSED &&
		   batch_left(consumer->applying) + consumer->filling->count > 0;
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
		consumer_letter_step(consumer);
	if (consumer->now < consumer->leave_at)
	{
		if (can_finish(consumer))
			admit(consumer);
		if (consumer->request == REQUEST_APPLY || can_finish(consumer))
			return;
	}
	consumer->request = REQUEST_NONE;
	consumer->target->methods->close(consumer->target);
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
	TargetState state = consumer->target->methods->state(consumer->target);
	MonoUsec others[] = {
		consumer->target->methods->wake_at(consumer->target),
		breaker_wake_at(&consumer->breaker),
		state == TARGET_IDLE && consumer->retry.retry_at > now ? consumer->retry.retry_at
															   : MONO_NEVER,
		state == TARGET_CLOSED && consumer->connect_at > now ? consumer->connect_at : MONO_NEVER,
		consumer->leave_at,
		consumer_letter_wake_at(consumer),
	};

	if (consumer->phase == CONSUMER_LEAVING && !consumer->more)
		return consumer->leave_at < wake_at ? consumer->leave_at : wake_at;
	/* Something can be done without waiting for anybody. */
	if (consumer->more || consumer->ordered ||
		(state == TARGET_IDLE && consumer->request == REQUEST_NONE &&
		 consumer->breaker.state != BREAKER_OPEN && now >= consumer->retry.retry_at &&
		 !consumer->revoking &&
		 ((!consumer_letter_waits(consumer) &&
		   (batch_left(consumer->applying) > 0 || consumer->filling->count > 0)) ||
		  consumer_needs_progress(consumer))))
		return now;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		if (others[i] < wake_at)
			wake_at = others[i];
	}
	return wake_at;
}

bool
consumer_wants_records(const Consumer *consumer)
{
	return !consumer->revoking &&
		   (consumer_has_room(consumer) || consumer->paused || consumer->phase == CONSUMER_LEAVING);
}
