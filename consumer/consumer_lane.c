/*
 * consumer_lane.c
 *	  One connection: what it is asked, what it answers, and when.
 *
 * Invariants: one request to a target at a time; nothing is sent that the breaker
 * didn't admit, and while it is half-open nothing beside the call of another lane;
 * partitions that are new go to the lane with the fewest.
 */
#include "consumer_intern.h"

#include <stdlib.h>

#define PROBE_INTERVAL_USEC USEC_PER_SEC
#define ROTATE_INTERVAL_USEC (60 * USEC_PER_SEC)

void
lane_init(Lane *lane, Consumer *consumer, int number, Target *target)
{
	const ConsumerConfig *config = consumer->config;
	BackoffConfig reconnect = {.floor_usec = 0,
							   .base_usec = config->reconnect_min_usec,
							   .cap_usec = config->reconnect_max_usec};

	lane->consumer = consumer;
	lane->number = number;
	lane->target = target;
	retry_init(&lane->retry, config->retry_min_usec, config->retry_max_usec,
			   config->retry_attempts);
	sizer_init(&lane->sizer, config->batch_records, config->batch_target_usec);
	backoff_init(&lane->reconnect, &reconnect);
	backoff_init(&lane->letter.backoff, &reconnect);
	for (int i = 0; i < 2; i++)
		batch_init(&lane->batches[i], config->batch_records, (size_t) config->batch_bytes);
	lane->filling = &lane->batches[0];
	lane->applying = &lane->batches[1];
}

void
lane_free(Lane *lane)
{
	free(lane->moves);
	free(lane->move_slots);
	free(lane->moved);
	free(lane->positions);
	batch_free(&lane->batches[0]);
	batch_free(&lane->batches[1]);
}

static int
count_partitions(const Consumer *consumer, int lane)
{
	int found = 0;

	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		const Partition *partition = &consumer->partitions.items[slot];

		found += partition->state != PARTITION_FREE && partition->lane == lane;
	}
	return found;
}

int
lane_choose(const Consumer *consumer)
{
	int best = 0;
	int least = count_partitions(consumer, 0);

	for (int lane = 1; lane < consumer->lane_count; lane++)
	{
		int count = count_partitions(consumer, lane);

		if (count >= least)
			continue;
		best = lane;
		least = count;
	}
	return best;
}

Lane *
lane_of(const Consumer *consumer, int slot)
{
	return &consumer->lanes[consumer->partitions.items[slot].lane];
}

bool
lane_is_needed(const Lane *lane)
{
	return lane->number == 0 || count_partitions(lane->consumer, lane->number) > 0;
}

size_t
lane_waiting(const Lane *lane)
{
	return batch_left(lane->applying) + lane->filling->count;
}

size_t
lane_drop(Lane *lane, int slot)
{
	size_t dropped = batch_drop(lane->applying, slot);

	if (dropped > 0)
		sizer_forget(&lane->sizer);
	return dropped + batch_drop(lane->filling, slot);
}

/* -------------------------------------------------------------------------
 * answers
 * ------------------------------------------------------------------------- */

void
lane_settle(Lane *lane)
{
	Consumer *consumer = lane->consumer;
	RequestKind request = lane->request;
	TargetFailure failure;
	TargetEvent event = lane->target->methods->step(lane->target, consumer->now, &failure);

	if (event == TARGET_NOTHING)
		return;
	lane->answered_at = consumer->now;
	if (event == TARGET_CONNECTED)
	{
		consumer->stats.connects++;
		consumer->probe_at = consumer->now + PROBE_INTERVAL_USEC;
		consumer_forget_progress(lane);
		log_event(LOG_LEVEL_INFO, "connected to the target", "server",
				  lane->target->methods->server(lane->target), NULL);
		return;
	}
	lane->request = REQUEST_NONE;
	if (event == TARGET_FAILED)
	{
		if (request == REQUEST_APPLY)
			consumer_apply_failed(lane, &failure);
		else
			consumer_target_failed(lane, &failure);
		return;
	}
	switch (request)
	{
		case REQUEST_READ:
			consumer_take_progress(lane);
			break;
		case REQUEST_APPLY:
			consumer_settle(lane);
			break;
		case REQUEST_PROBE:
			/* At rest it is no news that it works. */
			if (consumer->breaker.state != BREAKER_CLOSED || consumer->breaker.failures > 0)
				breaker_succeeded(&consumer->breaker, consumer->now,
								  consumer->now - lane->request_at, &consumer->random);
			retry_succeeded(&lane->retry);
			backoff_reset(&lane->reconnect);
			break;
		case REQUEST_ROTATE:
		case REQUEST_NONE:
			break;
	}
}

/* -------------------------------------------------------------------------
 * requests
 * ------------------------------------------------------------------------- */

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
next_records(Lane *lane, bool probe)
{
	if (consumer_letter_waits(lane))
		return 0;
	if (batch_left(lane->applying) == 0)
	{
		Batch *swap = lane->applying;

		if (lane->filling->count == 0)
			return 0;
		batch_clear(swap);
		lane->applying = lane->filling;
		lane->filling = swap;
		sizer_forget(&lane->sizer);
	}
	return consumer_letter_before(lane,
								  sizer_next(&lane->sizer, batch_left(lane->applying),
											 probe ? lane->consumer->config->probe_records : 0));
}

static void
note_request(Lane *lane, RequestKind request)
{
	lane->request = request;
	lane->request_at = lane->consumer->now;
}

static bool
request_records(Lane *lane, size_t count, TargetFailure *failure)
{
	note_request(lane, REQUEST_APPLY);
	if (!consumer_request_apply(lane, count, failure))
		return false;
	if (lane->move_count == 0)
	{
		lane->request = REQUEST_NONE;
		consumer_settle(lane);
	}
	return true;
}

/* Whether the target hasn't said anything for a while. */
static bool
is_quiet(const Lane *lane)
{
	int64_t interval = lane->consumer->config->probe_interval_usec;

	return interval > 0 && lane->consumer->now - lane->answered_at >= interval;
}

static bool
request(Lane *lane, bool probe, TargetFailure *failure)
{
	Consumer *consumer = lane->consumer;
	size_t count;

	if (consumer_needs_progress(lane))
	{
		note_request(lane, REQUEST_READ);
		return consumer_request_progress(lane, failure);
	}
	if (!probe && rotation_is_due(consumer))
	{
		note_request(lane, REQUEST_ROTATE);
		return lane->target->methods->rotate(lane->target, consumer->now, failure);
	}
	count = next_records(lane, probe);
	if (count > 0)
		return request_records(lane, count, failure);
	/*
	 * Nothing to apply: ask, so that a breaker can close, failures are forgotten, and a
	 * target that went away at rest is noticed.
	 */
	if (((probe || consumer->breaker.failures > 0) && consumer->now >= consumer->probe_at) ||
		is_quiet(lane))
	{
		consumer->probe_at = consumer->now + PROBE_INTERVAL_USEC;
		note_request(lane, REQUEST_PROBE);
		return lane->target->methods->probe(lane->target, consumer->now, failure);
	}
	return true;
}

/* While the breaker is half-open: that no other lane has a call under way. */
static bool
has_permit(const Lane *lane)
{
	const Consumer *consumer = lane->consumer;

	for (int i = 0; i < consumer->lane_count; i++)
	{
		const Target *other = consumer->lanes[i].target;
		TargetState state = other->methods->state(other);

		if (i != lane->number && (state == TARGET_CONNECTING || state == TARGET_BUSY))
			return false;
	}
	return true;
}

void
lane_admit(Lane *lane)
{
	Consumer *consumer = lane->consumer;
	TargetState state = lane->target->methods->state(lane->target);
	BreakerVerdict verdict;
	TargetFailure failure;

	if (state == TARGET_CONNECTING || state == TARGET_BUSY || consumer->revoking)
		return;
	verdict = breaker_ask(&consumer->breaker, consumer->now);
	if (verdict == BREAKER_REJECT || (verdict == BREAKER_PROBE && !has_permit(lane)))
		return;
	if (state == TARGET_CLOSED)
	{
		if (!lane_is_needed(lane) || (verdict == BREAKER_ADMIT && consumer->now < lane->connect_at))
			return;
		note_request(lane, REQUEST_NONE);
		if (!lane->target->methods->connect(lane->target, consumer->now, &failure))
			consumer_target_failed(lane, &failure);
		return;
	}
	if (consumer->now < lane->retry.retry_at)
		return;
	if (!request(lane, verdict == BREAKER_PROBE, &failure))
	{
		bool applied = lane->request == REQUEST_APPLY;

		lane->request = REQUEST_NONE;
		if (applied)
			consumer_apply_failed(lane, &failure);
		else
			consumer_target_failed(lane, &failure);
	}
}

/* -------------------------------------------------------------------------
 * time
 * ------------------------------------------------------------------------- */

/* Whether it can do something without waiting for anybody. */
static bool
is_due(const Lane *lane, TargetState state, MonoUsec now)
{
	const Consumer *consumer = lane->consumer;
	const Breaker *breaker = &consumer->breaker;

	if (state != TARGET_IDLE || breaker->state == BREAKER_OPEN || now < lane->retry.retry_at ||
		consumer->revoking || (breaker->state == BREAKER_HALF_OPEN && !has_permit(lane)))
		return false;
	return consumer_needs_progress(lane) ||
		   (!consumer_letter_waits(lane) && lane_waiting(lane) > 0);
}

MonoUsec
lane_wake_at(const Lane *lane, MonoUsec now)
{
	TargetState state = lane->target->methods->state(lane->target);
	MonoUsec wake_at = lane->target->methods->wake_at(lane->target);
	MonoUsec letter_at = consumer_letter_wake_at(lane);

	if (is_due(lane, state, now))
		return now;
	if (state == TARGET_IDLE && lane->retry.retry_at > now && lane->retry.retry_at < wake_at)
		wake_at = lane->retry.retry_at;
	if (state == TARGET_CLOSED && lane->connect_at > now && lane->connect_at < wake_at)
		wake_at = lane->connect_at;
	return letter_at < wake_at ? letter_at : wake_at;
}
