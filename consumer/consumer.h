/*
 * consumer.h
 *	  The conductor: from the inbox into the target, one round at a time.
 *
 *		1. poll    take events from Kafka: partitions come and go, records go
 *				   into the batch that fills
 *		2. settle  take what the target answered; store offsets after its COMMIT
 *		3. admit   ask the breaker; read progress, apply, or probe
 *		4. places  begin partitions whose progress is known; pause and resume
 *		5. look    lag; what the breaker did is logged
 *
 * An event that can't be applied becomes a dead letter between 2 and 3: until it
 * has a place, nothing behind it is applied.
 *
 * Two batches: one fills while the other is applied.  Nothing leaves its order
 * within a partition.  The conductor alone logs.
 */
#ifndef OUTBOX_CONSUMER_CONSUMER_H
#define OUTBOX_CONSUMER_CONSUMER_H

#include <stdbool.h>

#include "buffer.h"
#include "clock.h"
#include "consumer_options.h"
#include "handlers.h"
#include "http.h"
#include "inbox.h"
#include "letters.h"
#include "target.h"

typedef struct Consumer Consumer;

/* Borrows all of it; each target becomes a lane, one at least. NULL without memory. */
extern Consumer *consumer_create(const ConsumerConfig *config, Handlers *handlers, Inbox *inbox,
								 Target *const *targets, int target_count, uint64_t seed);
/* Where dead letters go before the target has their rows; without it they are in the rows. */
extern void consumer_set_letters(Consumer *consumer, LetterSink *letters);
extern void consumer_destroy(Consumer *consumer);

/* One round; false when it is over: see consumer_exit(). */
extern MUST_CHECK bool consumer_step(Consumer *consumer, MonoUsec now);

/* When the next round is due even if nothing happens. */
extern MonoUsec consumer_wake_at(const Consumer *consumer, MonoUsec now);
/* Whether the inbox's descriptor should wake it. */
extern bool consumer_wants_records(const Consumer *consumer);

/* Whether the descriptor of the letters should. */
extern bool consumer_awaits_letter(const Consumer *consumer);

/* Ends in good order: what is under way is finished; a second time: at once. */
extern void consumer_stop(Consumer *consumer, MonoUsec now);

/* The exit status and, unless it is 0, why. */
extern int consumer_exit(const Consumer *consumer, const Error **error);

/* NULL: events can flow. */
extern const char *consumer_why_not_ready(const Consumer *consumer);

typedef enum BreakerOrder
{
	BREAKER_ORDER_OPEN,		 /* hold it open until another order */
	BREAKER_ORDER_HALF_OPEN, /* try at once, without the rest of the wait */
	BREAKER_ORDER_CLOSE,	 /* release it: mode auto, closed, nothing counted */
	BREAKER_ORDER_DISABLE,	 /* never stop trying until another order */
	BREAKER_ORDER_RESET		 /* as at the start: the mode of the settings, nothing counted */
} BreakerOrder;

/* open, half-open, close, disable, reset; false: no such order. */
extern bool consumer_breaker_order(const char *name, BreakerOrder *order);

/*
 * What is under way ends as it will.  "by" is who wants it, for the log.  False, and
 * nothing was done: BREAKER_ORDER_HALF_OPEN to a breaker that isn't open.
 */
extern bool consumer_order_breaker(Consumer *consumer, BreakerOrder order, const char *by,
								   MonoUsec now);

/* For http_start(); arg is the Consumer. */
extern bool consumer_http(const char *method, const char *path, HttpResponse *response, void *arg);

#endif
