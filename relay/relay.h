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
 * One thread (kafka_transactions.h has the other one); relay_step() never blocks, but for look-ups in Kafka that are
 * bounded by 500 ms and for the system's resolver.
 */
#ifndef OUTBOX_RELAY_RELAY_H
#define OUTBOX_RELAY_RELAY_H

#include "pg_registry.h"
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

#define RELAY_STATES (RELAY_STOPPED + 1)

extern const char *relay_state_name(RelayState state);

/* What a relay is to its slot. */
typedef enum RelayRole
{
	ROLE_ACTIVE,  /* it has the slot, or is about to take or to give it up */
	ROLE_STANDBY, /* another one has it */
	ROLE_NONE	  /* not known yet, or not connected */
} RelayRole;
#define RELAY_ROLES (ROLE_NONE + 1)

extern const char *relay_role_name(RelayRole role);

typedef enum RelayPeer
{
	PEER_POSTGRES,
	PEER_KAFKA
} RelayPeer;
#define RELAY_PEERS (PEER_KAFKA + 1)

extern const char *relay_peer_name(RelayPeer peer);

/* config and poller are borrowed. */
extern MUST_CHECK Relay *relay_create(const RelayConfig *config, Poller *poller, MonoUsec now,
									  Error *error);
extern void relay_free(Relay *relay);

/* What another configuration asks of the producer. */
typedef enum ProducerChange
{
	PRODUCER_STAYS,
	PRODUCER_ANEW,	   /* and other limits of the window */
	PRODUCER_ELSEWHERE /* to other brokers: what they hold is compared as at a start */
} ProducerChange;

/*
 * The configuration that it borrows has other values.  New limits of the window, and a new producer,
 * come when nothing is in flight, at the latest after drain.timeout: then what is in flight goes
 * again.  Connections in use stay, but for PRODUCER_ELSEWHERE: then there is a new session.
 */
extern void relay_reconfigure(Relay *relay, ProducerChange producer, MonoUsec now);

/* One round; false: stopped.  *wake_at is when the next one is due without an event. */
extern MUST_CHECK bool relay_step(Relay *relay, MonoUsec now, PgUsec wall, MonoUsec *wake_at);

/* Drain and stop; a second time: stop at once. */
extern void relay_stop(Relay *relay, MonoUsec now);

/* It was told to stop, or met an error that stops it: nothing new is begun. */
extern bool relay_is_stopping(const Relay *relay);

/* Once stopped: 0, or that of the error that stopped it (class NONE: on request). */
extern int relay_exit_code(const Relay *relay);
extern const Error *relay_error(const Relay *relay);
/* The event that it is about; empty: none. */
extern const EventTrace *relay_error_event(const Relay *relay);

/* What people and Prometheus ask for. */
typedef struct RelayStatus
{
	RelayState state;
	bool ready;
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
	uint64_t fenced;
	uint64_t backfilled;
	uint32_t grown_topics; /* that have more partitions than recorded */
	bool drained;		   /* once stopped: nothing was sent that isn't marked */
	const PumpStats *pump;

	RelayRole role;
	bool peer_up[RELAY_PEERS];
	uint64_t recoveries[RELAY_PEERS]; /* outages that are over */
	const uint64_t *errors;			  /* by class */
	const Error *last_error;		  /* class NONE: there was none */
	UnixUsec last_error_at;
	uint64_t transactions_settled;
	bool lag_is_known; /* else another relay has the slot */
	double lag_seconds;
	bool lag_bytes_known; /* else the server can't be asked */
	uint64_t lag_bytes;
	const SlotFacts *slot_facts; /* NULL: not known at the moment */
	int server_version;			 /* such as 150020; 0: never connected */
} RelayStatus;

extern void relay_describe(const Relay *relay, MonoUsec now, PgUsec wall, RelayStatus *status);

#endif
