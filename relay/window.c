/*
 * window.c
 *	  What is in flight between PostgreSQL and Kafka, and what may be confirmed.
 *
 * Two rings.  An event's slot stays until every event before it has settled or is written,
 * so the first slot is the first that Kafka doesn't have, and a window of n events never has
 * to repeat more than n after a failure, but for what a Kafka transaction held.  A transaction's slot stays until it and
 * all before it are committed and settled; then confirmed moves over it.
 *
 *	 transactions	[ t1: 2 unsettled ][ t2: 0 ][ t3: 1, open ]
 *					   |    \______________          |
 *	 events			[ e3 ][ e4 settled ][ e5 ][ e9 settled ][ e10 ]
 *					  first							   newest
 *
 * Refuses calls out of order (BUG): a transaction in a transaction, one that starts
 * before the last one ended or before what is confirmed, ordinals that don't rise,
 * an end at or below its start; and tokens that aren't in flight.
 *
 * Invariants: I1-I6 of window.h, and
 *	- the first event slot is in flight, or there is none;
 *	- "first_written" is the first written event whose slot has left, when there is any;
 *	- the first transaction is open or has an unsettled event, or there is none.
 */
#include "window.h"

#include "failpoint.h"
#include "ring.h"

#include <stdlib.h>

typedef enum SlotState
{
	SLOT_FREE,
	SLOT_IN_FLIGHT,
	SLOT_WRITTEN,
	SLOT_SETTLED
} SlotState;

typedef struct EventSlot
{
	uint64_t ordinal;
	uint32_t transaction; /* slot in the other ring */
	uint32_t generation;  /* of the newest token for this slot */
	uint32_t bytes;
	SlotState state;
} EventSlot;

typedef struct TransactionSlot
{
	PgLsn commit_lsn;
	PgLsn end_lsn; /* LSN_INVALID: open */
	PgUsec commit_time;
	uint32_t unsettled;
	bool has_events;
	uint32_t written; /* of those */
} TransactionSlot;

struct DeliveryWindow
{
	WindowLimits limits;
	Ring event_ring;
	Ring transaction_ring;
	EventSlot *events;
	TransactionSlot *transactions;
	uint32_t in_flight;
	uint32_t written;
	uint64_t bytes; /* in flight */
	PgLsn confirmed;
	PgLsn
		first_written; /* commit LSN of the first written event without a slot; LSN_INVALID: none */
	uint64_t first_written_ordinal;
	PgLsn last_end;			 /* of the newest committed transaction; LSN_INVALID: none */
	uint64_t next_ordinal;	 /* of the open transaction: what it may have next */
	uint64_t ordinal_before; /* next_ordinal before the newest event */
	DeliveryToken newest;	 /* what may be retracted; 0: nothing */
	uint64_t transactions_settled;
};

static uint32_t
token_slot(DeliveryToken token)
{
	return (uint32_t) token;
}

static EventSlot *
first_event(const DeliveryWindow *window)
{
	return &window->events[window->event_ring.first];
}

static TransactionSlot *
newest_transaction(const DeliveryWindow *window)
{
	return &window->transactions[ring_slot(&window->transaction_ring,
										   window->transaction_ring.used - 1)];
}

/* NULL: stale. */
static EventSlot *
find_event(const DeliveryWindow *window, DeliveryToken token)
{
	uint32_t slot = token_slot(token);
	EventSlot *event;

	if (slot >= window->event_ring.size)
		return NULL;
	event = &window->events[slot];
	if (event->state != SLOT_IN_FLIGHT || event->generation != (uint32_t) (token >> 32))
		return NULL;
	return event;
}

DeliveryWindow *
window_create(const WindowLimits *limits)
{
	DeliveryWindow *window;

	if (limits->max_events == 0 || limits->max_transactions == 0)
		return NULL;
	window = calloc(1, sizeof(*window));
	if (window == NULL)
		return NULL;
	window->limits = *limits;
	window->event_ring.size = limits->max_events;
	window->transaction_ring.size = limits->max_transactions;
	/* calloc: pages that were never used are never touched. */
	window->events = calloc(limits->max_events, sizeof(*window->events));
	window->transactions = calloc(limits->max_transactions, sizeof(*window->transactions));
	if (window->events == NULL || window->transactions == NULL)
	{
		window_free(window);
		return NULL;
	}
	return window;
}

void
window_free(DeliveryWindow *window)
{
	if (window == NULL)
		return;
	free(window->events);
	free(window->transactions);
	free(window);
}

bool
window_resize(DeliveryWindow *window, const WindowLimits *limits, Error *error)
{
	EventSlot *events;
	TransactionSlot *transactions;

	if (window->event_ring.used > 0 || window->written > 0 || window->transaction_ring.used > 1 ||
		limits->max_events == 0 || limits->max_transactions == 0)
		return error_bug(error, "delivery window: limits changed with events in flight");
	events = calloc(limits->max_events, sizeof(*events));
	transactions = calloc(limits->max_transactions, sizeof(*transactions));
	if (events == NULL || transactions == NULL)
	{
		free(events);
		free(transactions);
		return error_bug(error, "out of memory");
	}
	/* Slots keep their generation: tokens from before are stale for ever. */
	for (uint32_t i = 0; i < limits->max_events && i < window->event_ring.size; i++)
		events[i].generation = window->events[i].generation;
	if (window->transaction_ring.used == 1)
		transactions[0] = *newest_transaction(window);
	free(window->events);
	free(window->transactions);
	window->events = events;
	window->transactions = transactions;
	window->limits = *limits;
	window->event_ring = (Ring){.size = limits->max_events};
	window->transaction_ring =
		(Ring){.size = limits->max_transactions, .used = window->transaction_ring.used};
	window->newest = 0;
	return true;
}

void
window_reset(DeliveryWindow *window, PgLsn start_lsn)
{
	/* Slots keep their generation, so that tokens from before are stale for ever. */
	for (uint32_t i = 0; i < window->event_ring.used; i++)
		window->events[ring_slot(&window->event_ring, i)].state = SLOT_FREE;
	window->event_ring.first = 0;
	window->event_ring.used = 0;
	window->transaction_ring.first = 0;
	window->transaction_ring.used = 0;
	window->in_flight = 0;
	window->written = 0;
	window->first_written = LSN_INVALID;
	window->bytes = 0;
	window->last_end = LSN_INVALID;
	window->newest = 0;
	if (start_lsn > window->confirmed)
		window->confirmed = start_lsn;
}

/* Events and transactions that nothing waits for leave at the front. */
static void
advance(DeliveryWindow *window)
{
	while (window->event_ring.used > 0 && first_event(window)->state != SLOT_IN_FLIGHT)
	{
		EventSlot *event = first_event(window);

		if (event->state == SLOT_WRITTEN && window->first_written == LSN_INVALID)
		{
			window->first_written = window->transactions[event->transaction].commit_lsn;
			window->first_written_ordinal = event->ordinal;
		}
		event->state = SLOT_FREE;
		ring_drop_first(&window->event_ring);
	}
	while (window->transaction_ring.used > 0)
	{
		const TransactionSlot *first = &window->transactions[window->transaction_ring.first];

		if (first->end_lsn == LSN_INVALID || first->unsettled > 0)
			break;
		window->confirmed = first->end_lsn;
		window->transactions_settled += first->has_events;
		ring_drop_first(&window->transaction_ring);
	}
}

static IoResult
out_of_order(const char *what, Error *error)
{
	error_bug(error, "delivery window: %s", what);
	return IO_FAILED;
}

IoResult
window_begin(DeliveryWindow *window, PgLsn commit_lsn, PgUsec commit_time, Error *error)
{
	if (window_in_transaction(window))
		return out_of_order("BEGIN inside a transaction", error);
	if (commit_lsn == LSN_INVALID || commit_lsn < window->last_end)
		return out_of_order("transactions out of commit order", error);
	if (commit_lsn < window->confirmed)
		return out_of_order("a transaction below the confirmed position", error);
	if (window->transaction_ring.used == window->transaction_ring.size)
		return IO_FULL;
	window->transaction_ring.used++;
	*newest_transaction(window) =
		(TransactionSlot){.commit_lsn = commit_lsn, .commit_time = commit_time};
	window->next_ordinal = 0;
	window->newest = 0;
	return IO_OK;
}

IoResult
window_add(DeliveryWindow *window, uint64_t ordinal, uint32_t bytes, DeliveryToken *token,
		   Error *error)
{
	Ring *ring = &window->event_ring;
	EventSlot *event;
	uint32_t slot;

	if (!window_in_transaction(window))
		return out_of_order("an event outside a transaction", error);
	if (ordinal < window->next_ordinal || ordinal == UINT64_MAX)
		return out_of_order("ordinals don't rise", error);
	if (ring->used == ring->size)
		return IO_FULL;
	if (window->in_flight > 0 &&
		(bytes > window->limits.max_bytes || window->bytes > window->limits.max_bytes - bytes))
		return IO_FULL;
	if (FAILPOINT_ERROR("event-in-window", error))
		return IO_FAILED;

	slot = ring_slot(ring, ring->used++);
	event = &window->events[slot];
	event->ordinal = ordinal;
	event->transaction = ring_slot(&window->transaction_ring, window->transaction_ring.used - 1);
	if (++event->generation == 0)
		event->generation = 1; /* no token is 0 */
	event->bytes = bytes;
	event->state = SLOT_IN_FLIGHT;
	newest_transaction(window)->unsettled++;
	newest_transaction(window)->has_events = true;
	window->in_flight++;
	window->bytes += bytes;
	window->ordinal_before = window->next_ordinal;
	window->next_ordinal = ordinal + 1;
	*token = window->newest = (DeliveryToken) event->generation << 32 | slot;
	return IO_OK;
}

/* An event in flight is so no more. */
static void
release(DeliveryWindow *window, EventSlot *event, SlotState state)
{
	event->state = state;
	if (state != SLOT_WRITTEN)
		window->transactions[event->transaction].unsettled--;
	window->in_flight--;
	window->bytes -= event->bytes;
}

void
window_retract(DeliveryWindow *window, DeliveryToken token)
{
	EventSlot *event = find_event(window, token);

	if (event == NULL || token != window->newest)
		return;
	release(window, event, SLOT_FREE);
	ring_shorten(&window->event_ring);
	window->next_ordinal = window->ordinal_before;
	window->newest = 0;
}

IoResult
window_commit(DeliveryWindow *window, PgLsn end_lsn, Error *error)
{
	if (!window_in_transaction(window))
		return out_of_order("COMMIT outside a transaction", error);
	if (end_lsn <= newest_transaction(window)->commit_lsn)
		return out_of_order("COMMIT that ends before it starts", error);
	newest_transaction(window)->end_lsn = end_lsn;
	window->last_end = end_lsn;
	window->newest = 0;
	advance(window);
	return IO_OK;
}

bool
window_peek(const DeliveryWindow *window, DeliveryToken token, Settled *event)
{
	const EventSlot *slot = find_event(window, token);
	const TransactionSlot *transaction;

	if (slot == NULL)
		return false;
	transaction = &window->transactions[slot->transaction];
	event->commit_lsn = transaction->commit_lsn;
	event->ordinal = slot->ordinal;
	event->commit_time = transaction->commit_time;
	return true;
}

bool
window_settle(DeliveryWindow *window, DeliveryToken token, Settled *settled)
{
	EventSlot *event = find_event(window, token);

	if (event == NULL)
		return false;
	if (settled != NULL)
		(void) window_peek(window, token, settled);
	release(window, event, SLOT_SETTLED);
	advance(window);
	return true;
}

bool
window_write(DeliveryWindow *window, DeliveryToken token, Settled *written)
{
	EventSlot *event = find_event(window, token);

	if (event == NULL)
		return false;
	if (written != NULL)
		(void) window_peek(window, token, written);
	release(window, event, SLOT_WRITTEN);
	window->transactions[event->transaction].written++;
	window->written++;
	advance(window);
	return true;
}

void
window_settle_written(DeliveryWindow *window, SettledFn fn, void *arg)
{
	for (uint32_t i = 0; i < window->event_ring.used; i++)
	{
		EventSlot *event = &window->events[ring_slot(&window->event_ring, i)];

		if (event->state == SLOT_WRITTEN)
			event->state = SLOT_SETTLED;
	}
	for (uint32_t i = 0; i < window->transaction_ring.used && window->written > 0; i++)
	{
		TransactionSlot *transaction =
			&window->transactions[ring_slot(&window->transaction_ring, i)];

		if (transaction->written == 0)
			continue;
		if (fn != NULL)
			fn(transaction->commit_time, transaction->written, arg);
		window->written -= transaction->written;
		transaction->unsettled -= transaction->written;
		transaction->written = 0;
	}
	window->first_written = LSN_INVALID;
	advance(window);
}

void
window_idle_at(DeliveryWindow *window, PgLsn wal_end)
{
	if (window_is_idle(window) && wal_end > window->confirmed)
		window->confirmed = wal_end;
}

PgLsn
window_confirmed(const DeliveryWindow *window)
{
	return window->confirmed;
}

ResumePoint
window_resume_point(const DeliveryWindow *window)
{
	ResumePoint point = {window->confirmed, LSN_INVALID, 0};

	if (window->first_written != LSN_INVALID)
	{
		point.commit_lsn = window->first_written;
		point.ordinal = window->first_written_ordinal;
	}
	else if (window->event_ring.used > 0)
	{
		const EventSlot *event = first_event(window);

		point.commit_lsn = window->transactions[event->transaction].commit_lsn;
		point.ordinal = event->ordinal;
	}
	else if (window_in_transaction(window))
	{
		point.commit_lsn = newest_transaction(window)->commit_lsn;
		point.ordinal = window->next_ordinal;
	}
	return point;
}

bool
window_is_idle(const DeliveryWindow *window)
{
	return window->transaction_ring.used == 0;
}

bool
window_in_transaction(const DeliveryWindow *window)
{
	return window->transaction_ring.used > 0 && newest_transaction(window)->end_lsn == LSN_INVALID;
}

uint64_t
window_transactions_settled(const DeliveryWindow *window)
{
	return window->transactions_settled;
}

uint32_t
window_events(const DeliveryWindow *window)
{
	return window->in_flight + window->written;
}

uint32_t
window_unacknowledged(const DeliveryWindow *window)
{
	return window->in_flight;
}

uint64_t
window_bytes(const DeliveryWindow *window)
{
	return window->bytes;
}

PgUsec
window_oldest_commit_time(const DeliveryWindow *window)
{
	if (window_events(window) == 0)
		return 0;
	return window->transactions[window->transaction_ring.first].commit_time;
}
