/*
 * relay_session.c
 *	  A session, from connecting to streaming.
 *
 * Refuses to stream before every rule of relay_check has been kept; see relay.h for
 * the order.  What an earlier session left in flight settles first: so a new stream
 * always knows where it begins.
 *
 * Invariants: the sink outlives sessions, unless the server began a new timeline;
 * the slot is never made here.
 */
#include "relay_intern.h"

#include "exit_codes.h"
#include "failpoint.h"

#include <stdio.h>
#include <string.h>

#define STANDBY_USEC (200 * USEC_PER_MS)	  /* between looks at the slot */
#define STANDBY_FACTS_USEC (5 * USEC_PER_SEC) /* between looks at all the rest */
#define ASK_USEC (1 * USEC_PER_SEC)
#define ROWS_PER_ROUND 1024
#define SLOT_IN_USE "55006"
#define UNDEFINED_OBJECT "42704"

static bool
need(bool ok, Relay *relay, MonoUsec now)
{
	Error error;

	if (ok)
		return true;
	error_clear(&error);
	error_bug(&error, "could not queue a statement");
	relay_fail(relay, &error, now);
	return false;
}

/* -------------------------------------------------------------------------
 * the ordinary connection, and the facts
 * -------------------------------------------------------------------------
 */

static void
connect_registry(Relay *relay, MonoUsec now)
{
	Error error;

	error_clear(&error);
	relay->registry = registry_open(relay->config, now, &error);
	if (relay->registry == NULL)
	{
		relay_fail(relay, &error, now);
		return;
	}
	if (need(registry_ask_facts(relay->registry), relay, now))
		relay_set_state(relay, RELAY_CHECKING, now);
}

static void
stand_by(Relay *relay, MonoUsec now)
{
	char pid[16];

	if (relay->standby_pid != relay->facts.slot_pid)
	{
		snprintf(pid, sizeof(pid), "%d", relay->facts.slot_pid);
		log_event(LOG_LEVEL_INFO, "the slot is in use, standing by", "slot", relay->config->slot,
				  "pid", pid, NULL);
		relay->standby_pid = relay->facts.slot_pid;
	}
	relay_peer_back(relay, PEER_POSTGRES, now);
	lag_stand_by(&relay->lag, now);
	if (relay->source != NULL)
		pg_source_free(relay->source);
	relay->source = NULL;
	relay->tail_is_known = false; /* the other one writes meanwhile */
	relay_forget_delivery(relay);
	if (relay->config->exactly_once)
	{
		/* Its producer is fenced off; only Kafka knows what was committed last. */
		pump_sink_lost(relay->pump);
		relay_close_sink(relay);
	}
	relay->retry_at = now + STANDBY_USEC;
	relay->facts_at = now + STANDBY_FACTS_USEC;
	relay->slot_asked = false;
	relay_set_state(relay, RELAY_STANDING_BY, now);
}

void
relay_take_slot(Relay *relay, const RegistryReply *reply, MonoUsec now)
{
	relay->slot_asked = false;
	if (relay->state != RELAY_STANDING_BY)
		return;
	lag_stand_by(&relay->lag, now);
	if (reply->failed)
		relay_fail(relay, &reply->error, now);
	else if (reply->u.slot_pid == 0)
	{
		log_event(LOG_LEVEL_INFO, "the slot is free, taking over", "slot", relay->config->slot,
				  NULL);
		relay->facts_at = relay->retry_at = now;
	}
	else
		relay->retry_at = now + STANDBY_USEC;
}

/* Often a cheap look at the slot, and now and then one at everything that stops a relay. */
static void
stand_by_step(Relay *relay, MonoUsec now)
{
	if (now < relay->retry_at || relay->slot_asked)
		return;
	if (now < relay->facts_at)
		relay->slot_asked = need(registry_look_at_slot(relay->registry), relay, now);
	else if (need(registry_ask_facts(relay->registry), relay, now))
		relay_set_state(relay, RELAY_CHECKING, now);
}

void
relay_take_facts(Relay *relay, MonoUsec now)
{
	Error error;

	relay->facts = *registry_facts(relay->registry);
	relay->facts.mark_lsn = relay_settled(&relay->facts);
	error_clear(&error);
	if (!relay_check_facts(&relay->facts, relay->config->slot, relay->config->publication,
						   &error) ||
		(relay_keeps_dead_letters(relay) && !relay_check_dead_letters(&relay->facts, &error)) ||
		(relay->config->exactly_once && !relay_check_delivery_column(&relay->facts, &error)) ||
		!relay_check_routing(relay, &error) || !relay_load_topics(relay, &error))
	{
		relay_fail(relay, &error, now);
		return;
	}
	if (relay->facts.slot_pid != 0)
	{
		stand_by(relay, now);
		return;
	}
	relay_tell_gap(relay);
	relay_record_routing(relay, now);
	if (relay->state != RELAY_CHECKING)
		return;
	relay->source =
		pg_source_open(relay->config->conninfo, relay->config->slot, relay->config->publication,
					   registry_host(relay->registry), now, &error);
	if (relay->source == NULL)
		relay_fail(relay, &error, now);
	else
		relay_set_state(relay, RELAY_IDENTIFYING, now);
}

/* -------------------------------------------------------------------------
 * the replication connection
 * -------------------------------------------------------------------------
 */

static void
take_identity(Relay *relay, MonoUsec now)
{
	Error error;

	relay->identity = *pg_source_identity(relay->source);
	error_clear(&error);
	relay->memory.confirmed = pump_confirmed(relay->pump);
	if (!relay_check_same_server(&relay->facts, relay->identity.started, &error) ||
		!relay_check_identity(&relay->facts, &relay->memory, relay->identity.system_identifier,
							  relay->identity.timeline, relay->identity.flushed, &error))
	{
		relay_fail(relay, &error, now);
		return;
	}
	if (relay->memory.valid && relay->memory.timeline != relay->identity.timeline)
	{
		/* A promoted standby may lack what the old primary sent: only its mark counts. */
		log_event(LOG_LEVEL_WARNING, "the server is on a new timeline, starting from its mark",
				  NULL);
		relay_close_sink(relay);
		relay->tail_is_known = false;
		if (!pump_forget(relay->pump, &error))
		{
			relay_fail(relay, &error, now);
			return;
		}
	}
	if (relay->identity.timeline != relay->facts.timeline &&
		!need(registry_set_timeline(relay->registry, relay->facts.generation,
									relay->identity.timeline, relay->facts.mark_lsn),
			  relay, now))
		return;
	relay->memory.valid = true;
	relay->memory.generation = relay->facts.generation;
	relay->memory.timeline = relay->identity.timeline;
	relay->memory.mark_lsn = relay->facts.mark_lsn;
	relay_peer_back(relay, PEER_POSTGRES, now);
	relay_set_state(relay, RELAY_SETTLING, now);
}

static void
advance_source(Relay *relay, MonoUsec now)
{
	Error error;

	error_clear(&error);
	switch (pg_source_advance(relay->source, now, &error))
	{
		case IO_AGAIN:
			return;
		case IO_OK:
			break;
		default:
			if (strcmp(error.sqlstate, SLOT_IN_USE) == 0)
				stand_by(relay, now);
			else if (strncmp(error.sqlstate, "55", 2) == 0 && relay->state == RELAY_STARTING)
			{
				/* "can no longer get changes from replication slot" and its like */
				error.error_class = ERROR_CLASS_PERMANENT;
				error.exit_code = EXIT_GAP;
				relay_fail(relay, &error, now);
			}
			else
				relay_fail(relay, &error, now);
			return;
	}
	if (relay->state == RELAY_IDENTIFYING)
	{
		take_identity(relay, now);
		return;
	}
	relay->stream = pg_source_stream(relay->source);
	relay->reading = true;
	relay->standby_pid = 0;
	relay->sessions++;
	relay->done_at_start = relay_events_done(relay);
	relay->maintain_at = now + USEC_PER_SEC;
	relay->publication_at = now + PUBLICATION_USEC; /* it was looked at just now */
	/* A heartbeat of the last session may be lost with it, and so may one of the last relay. */
	relay->heartbeat_events = UINT64_MAX;
	relay_slot_begin(relay, now);
	relay_set_state(relay, RELAY_STREAMING, now);
}

static bool
start_pump(Relay *relay, PgLsn mark_lsn, PgLsn *start_lsn, MonoUsec now)
{
	FeedbackConfig feedback = {relay_feedback_interval(relay), ASK_USEC};
	DeadLetterReceipt receipt;
	Position before;
	Error error;

	error_clear(&error);
	pump_take_messages(relay->pump, relay->facts.messages_before);
	/* Whatever the policy is by now: it was decided when the row was written. */
	if (registry_last_dead_letter(relay->registry, &receipt))
	{
		if (receipt.position.commit_lsn >= mark_lsn)
			log_event(LOG_LEVEL_INFO, "going on behind the last dead letter", "position",
					  relay->facts.last_dead_letter, NULL);
		pump_is_behind(relay->pump, &receipt);
	}
	if (relay_delivery_point(relay, &before))
		pump_is_in_kafka(relay->pump, &before);
	if (pump_start(relay->pump, relay->facts.generation, pg_source_timelines(relay->source),
				   relay->router, mark_lsn, &feedback, now, start_lsn, &error))
	{
		pump_server_at(relay->pump, relay->identity.flushed);
		return true;
	}
	relay_fail(relay, &error, now);
	return false;
}

static void
start_stream(Relay *relay, MonoUsec now)
{
	char text[LSN_TEXT_SIZE];
	PgLsn start_lsn;
	Error error;

	if (!start_pump(relay, relay->facts.mark_lsn, &start_lsn, now))
		return;
	error_clear(&error);
	if (!pg_source_start(relay->source, start_lsn, &error))
	{
		relay_fail(relay, &error, now);
		return;
	}
	lsn_format(start_lsn, text);
	log_event(LOG_LEVEL_INFO, "starting replication", "slot", relay->config->slot, "lsn", text,
			  "source", relay->facts.source_id, NULL);
	relay_set_state(relay, RELAY_STARTING, now);
}

/*
 * That there is no such publication may mean that it was dropped just now: the check of the next
 * session says so.  When that found it, and the stream says the same again, no later one will
 * get past this point.
 */
void
relay_lose_source(Relay *relay, const Error *error, MonoUsec now)
{
	bool missed = strcmp(error->sqlstate, UNDEFINED_OBJECT) == 0;
	Error gap;

	if (missed && relay->publication_missed)
	{
		error_clear(&gap);
		(void) relay_publication_is_younger(relay->config->slot, relay->config->publication, &gap);
		relay_fail(relay, &gap, now);
		return;
	}
	relay->publication_missed = missed;
	relay_fail(relay, error, now);
}

/* -------------------------------------------------------------------------
 * rows from before the slot
 * -------------------------------------------------------------------------
 */

static void
start_backfill(Relay *relay, MonoUsec now)
{
	PumpVerdict verdict;
	PgLsn start_lsn;
	Error error;

	if (!start_pump(relay, backfill_commit_lsn(&relay->facts), &start_lsn, now))
		return;
	error_clear(&error);
	relay_set_state(relay, RELAY_BACKFILLING, now);
	relay->backfill_ready = false;
	verdict = backfill_start(&relay->backfill, relay->registry, &relay->facts,
							 pg_source_timelines(relay->source), relay->pump, &error);
	(void) relay_take_verdict(relay, verdict, &error, now);
}

/* Rows are fetched only while they can go. */
static bool
fetch_rows(Relay *relay, MonoUsec now)
{
	RegistryReply reply;
	PumpVerdict verdict;
	Error error;

	error_clear(&error);
	if (relay->backfill.held)
		verdict = backfill_retry(&relay->backfill, relay->pump, relay->sink, &error);
	else
	{
		switch (registry_next(relay->registry, now, &reply, &error))
		{
			case IO_OK:
				break;
			case IO_AGAIN:
				return false;
			default:
				relay_fail(relay, &error, now);
				return false;
		}
		if (reply.job != REGISTRY_LEAF_SIZE && reply.job != REGISTRY_LEAF_ROWS)
		{
			relay_take_reply(relay, &reply, now);
			return relay->state == RELAY_BACKFILLING;
		}
		verdict = backfill_take(&relay->backfill, &reply, relay->pump, relay->sink, &error);
	}
	return relay_take_verdict(relay, verdict, &error, now);
}

bool
relay_backfill_step(Relay *relay, MonoUsec now)
{
	bool more = true;
	Error error;

	if (relay_pauses_to_renew(relay))
		return false;
	error_clear(&error);
	for (int i = 0; more && i < ROWS_PER_ROUND; i++)
	{
		if (!relay->topic_wanted && relay->burial == BURIAL_NONE &&
			!relay_take_verdict(relay, backfill_go_on(&relay->backfill, &error), &error, now))
			return relay->state == RELAY_STREAMING;
		more = fetch_rows(relay, now);
	}
	if (relay->state == RELAY_BACKFILLING && relay->backfill.published && !relay->backfill_ready &&
		pump_in_flight(relay->pump) == 0)
		relay->backfill_ready = need(!FAILPOINT("backfill-published") &&
										 registry_ready(relay->registry, relay->facts.generation),
									 relay, now);
	/* Rows that libpq has read already make no descriptor readable. */
	return more || relay->state == RELAY_STREAMING;
}

void
relay_backfilled(Relay *relay, MonoUsec now)
{
	char rows[24];

	snprintf(rows, sizeof(rows), "%llu", (unsigned long long) relay->backfill.rows);
	log_event(LOG_LEVEL_INFO, "published the rows from before the slot", "rows", rows, NULL);
	relay->backfilled += relay->backfill.rows;
	relay->facts.backfill = false;
	relay->facts.mark_lsn = relay->facts.start_lsn;
	start_stream(relay, now);
}

void
relay_session_step(Relay *relay, MonoUsec now)
{
	switch (relay->state)
	{
		case RELAY_WAITING:
			if (now >= relay->retry_at)
				relay_set_state(relay, RELAY_CONNECTING, now);
			else
				break;
			/* FALLTHROUGH */
		case RELAY_CONNECTING:
			connect_registry(relay, now);
			break;
		case RELAY_STANDING_BY:
			stand_by_step(relay, now);
			break;
		case RELAY_IDENTIFYING:
		case RELAY_STARTING:
			advance_source(relay, now);
			break;
		case RELAY_SETTLING:
			if (pump_in_flight(relay->pump) > 0 || !relay_open_sink(relay, now))
				break;
			relay->next_topic = 0;
			relay_waits_no_more(relay);
			relay_set_state(relay, RELAY_COMPARING, now);
			break;
		case RELAY_COMPARING:
			if (!relay->routing_recorded || !relay_topics_are_there(relay, now) ||
				!relay_delivery_is_known(relay, now) || !relay_tail_is_fine(relay, now))
				break;
			if (topic_map_count(relay->topics) > 0 && !kafka_sink_is_cut_off(relay->sink))
				relay_peer_back(relay, PEER_KAFKA, now);
			if (relay->facts.backfill)
				start_backfill(relay, now);
			else
				start_stream(relay, now);
			break;
		default:
			break;
	}
}
