/*
 * relay.h
 *	  The conductor: connections, states, and what becomes of a verdict.
 *
 *	connecting -> checking -> identifying -> settling -> comparing -> [backfilling]
 *		 ^			  |									   -> starting -> streaming
 *		 |			  v												|			|
 *		 |		 standing by <-------- slot in use -----------------+			|
 *	  waiting <---------------- anything transient ------------------------------+
 *
 *	streaming -> draining -> marking -> closing -> stopped		on request, or to stop
 *
 * One thread; relay_step() never blocks, but for look-ups in Kafka that are
 * bounded by 500 ms and for the system's resolver.
 */
#ifndef OUTBOX_RELAY_RELAY_H
#define OUTBOX_RELAY_RELAY_H

#include "poller.h"
#include "pump.h"
#include "relay_options.h"

typedef struct Relay Relay;

typedef enum RelayState
{
	RELAY_CONNECTING,  /* the ordinary connection is being made */
	RELAY_CHECKING,	   /* it is asked for the facts */
	RELAY_STANDING_BY, /* another relay has the slot */
	RELAY_IDENTIFYING, /* the replication connection is being made */
	RELAY_SETTLING,	   /* what an earlier stream left in flight isn't settled yet */
	RELAY_COMPARING,   /* topics and tail of Kafka are looked at */
	RELAY_BACKFILLING, /* rows from before the slot go first */
	RELAY_STARTING,	   /* START_REPLICATION is under way */
	RELAY_STREAMING,
	RELAY_DRAINING, /* nothing is read; what is in flight settles */
	RELAY_MARKING,	/* the last mark is being committed */
	RELAY_CLOSING,	/* the last status update is on its way */
	RELAY_WAITING,	/* for the next attempt */
	RELAY_STOPPED
} RelayState;

extern const char *relay_state_name(RelayState state);

/* config and poller are borrowed. */
extern MUST_CHECK Relay *relay_create(const RelayConfig *config, Poller *poller, MonoUsec now,
									  Error *error);
extern void relay_free(Relay *relay);

/* One round; false: stopped.  *wake_at is when the next one is due without an event. */
extern MUST_CHECK bool relay_step(Relay *relay, MonoUsec now, PgUsec wall, MonoUsec *wake_at);

/* Drain and stop; a second time: stop at once. */
extern void relay_stop(Relay *relay, MonoUsec now);

/* Once stopped: 0, or that of the error that stopped it (class NONE: on request). */
extern int relay_exit_code(const Relay *relay);
extern const Error *relay_error(const Relay *relay);

/* What people and Prometheus ask for. */
typedef struct RelayStatus
{
	RelayState state;
	bool ready;
	const char *reason; /* why it isn't ready; "" */
	const char *slot;
	const char *source_id; /* "" until known */
	uint32_t generation;
	uint32_t timeline;
	PgLsn confirmed;
	PgLsn durable;
	uint32_t in_flight;
	uint64_t in_flight_bytes;
	PgUsec oldest_commit_time; /* 0: none */
	bool kafka_cut_off;
	bool dead_letter_waits; /* it can't be written */
	int slot_pid;			/* of the one that has the slot, while standing by */
	uint64_t sessions;
	uint64_t sinks;
	uint64_t backfilled;
	uint32_t grown_topics; /* that have more partitions than recorded */
	bool drained;		   /* once stopped: nothing was sent that isn't marked */
	const PumpStats *pump;
} RelayStatus;

extern void relay_describe(const Relay *relay, RelayStatus *status);

#endif
