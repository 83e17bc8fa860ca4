/*
 * consumer_side.c
 *	  A run of the consumers' world: what happens to it, when consumer_step() is called, and how it
 *	  ends.
 *
 * A member is called as its main loop would call it: when the time that it named has come, or
 * something is ready that it waits for.  For some seconds records come and things go wrong; then
 * nothing does any more, and all has to be applied.
 *
 * Invariants: C5 and C6 of consumer_world.h are asked here.
 */
#include "consumer_world.h"

#include "exit_codes.h"
#include "short_memory.h"

#include <stdio.h>

#define STEPS_MAX 60000
#define REST (300 * USEC_PER_SEC)

ConsumerWorld *land;

int64_t
some_delay(void)
{
	if (sim_chance(land->loss / 2))
		return sim_between(100, 1500) * USEC_PER_MS;
	return sim_between(100, 20000);
}

void
event_id(int partition, int event, char *text)
{
	snprintf(text, UUID_TEXT_SIZE, "%08x-%04x-7000-8000-000000000000", (unsigned) event,
			 (unsigned) partition & 0xffff);
}

Position
event_position(int event)
{
	return (Position){1, 1, UINT64_C(1000) + 64 * ((uint64_t) (event + 4) / 4),
					  (uint64_t) (event + 4) % 4};
}

int
find_record(int partition, int64_t offset)
{
	const LogPartition *log = &land->logs[partition];
	int low = 0;
	int high = log->count;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (log->records[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* -------------------------------------------------------------------------
 * records
 * -------------------------------------------------------------------------
 */

static void
add_record(LogPartition *log, int event, RecordKind kind)
{
	/* What is compacted, and the marks of transactions, leave holes. */
	log->end += sim_chance(10) ? sim_between(1, 3) : 0;
	log->records[log->count++] = (LogRecord){log->end++, event, kind};
}

static int
new_event(LogPartition *log, bool by_id)
{
	log->bad[log->events] = sim_chance(2);
	log->by_id[log->events] = by_id;
	land->counts->events++;
	return log->events++;
}

/* A relay that starts anew goes back to what was confirmed, and comes through the partition again. */
static void
write_record(LogPartition *log)
{
	if (log->events == 0 || sim_chance(80))
	{
		bool by_id = sim_chance(10);
		int event;

		if (log->next == log->events)
			(void) new_event(log, by_id);
		while (log->next < log->events - 1 && log->by_id[log->next])
			log->next++;
		event = log->next++;
		add_record(log, event, log->by_id[event] ? RECORD_BY_ID : RECORD_BY_POSITION);
		return;
	}
	if (sim_chance(50))
	{
		log->next -= (int) sim_between(0, 6);
		if (log->next < 0)
			log->next = 0;
	}
	else
	{
		int event = (int) sim_below((uint64_t) log->events);

		add_record(log, event, log->by_id[event] ? RECORD_BY_ID : RECORD_REPLAYED);
	}
}

static void
produce(void *object)
{
	LogPartition *log = &land->logs[sim_below(PARTITIONS)];
	int64_t count = sim_chance(10) ? sim_between(10, 60) : sim_between(1, 4);

	(void) object;
	if (sim.now >= land->ends_at)
		return;
	while (count-- > 0 && log->count < RECORDS && log->events < EVENTS)
		write_record(log);
	sim_after(sim_between(1, 60) * USEC_PER_MS, produce, NULL);
}

/* -------------------------------------------------------------------------
 * members
 * -------------------------------------------------------------------------
 */

static Handlers *
the_handlers(void)
{
	static Handlers handlers;
	static bool made;
	Error error;

	if (made)
		return &handlers;
	error_clear(&error);
	handlers_init(&handlers);
	SIM_CHECK(handlers_add(&handlers, "h", TOPIC, "json", "SELECT FROM batch", "sim", &error), "%s",
			  error.message);
	made = true;
	return &handlers;
}

static void
configure(Member *member)
{
	member->config =
		(ConsumerConfig){.group = "g",
						 .breaker = {.failures = 5,
									 .successes = 3,
									 .reset_usec = USEC_PER_SEC,
									 .growth_percent = 100},
						 .probe_records = (uint32_t) sim_between(1, 10),
						 .probe_interval_usec = sim_chance(50) ? 0 : 5 * USEC_PER_SEC,
						 .batch_records = (uint32_t) sim_between(1, sim_chance(50) ? 8 : 60),
						 .batch_bytes = (uint64_t) sim_between(100, 20000),
						 .batch_target_usec = sim_between(10, 1000) * USEC_PER_MS,
						 .retry_min_usec = 5 * USEC_PER_MS,
						 .retry_max_usec = 200 * USEC_PER_MS,
						 .retry_attempts = 3,
						 .reconnect_min_usec = 5 * USEC_PER_MS,
						 .reconnect_max_usec = 200 * USEC_PER_MS,
						 .drain_timeout_usec = sim_between(0, 1000) * USEC_PER_MS,
						 .inbox_retention_usec = 600 * USEC_PER_SEC,
						 .lag_interval_usec = USEC_PER_SEC};
}

static void
start(Member *member)
{
	Target *targets[CONNECTIONS];
	bool refused = short_memory_refused();

	inbox_init(member);
	letters_init(member);
	for (int i = 0; i < member->session_count; i++)
	{
		member->sessions[i] = session_create(member);
		targets[i] = session_target(member->sessions[i]);
	}
	member->consumer = consumer_create(&member->config, the_handlers(), &member->inbox, targets,
									   member->session_count, random_next(&sim.random));
	member->starved = short_memory_refused() && !refused;
	SIM_CHECK(member->consumer != NULL || member->starved, "no consumer");
	member->start_at = sim.now + USEC_PER_SEC;
	if (member->consumer == NULL)
		return;
	if (sim_chance(80))
		consumer_set_letters(member->consumer, &member->letters);
	member->next_at = sim.now;
	member->stopping = false;
	SIM_TRACE("member %d: starts", member->number);
	group_join(member);
}

static void
leave_group(void *object)
{
	Member *member = object;

	/* Unless it is there again already, as another one. */
	if (member->consumer == NULL)
		group_leave(member);
}

static void
end(Member *member)
{
	for (int i = 0; i < member->session_count; i++)
		session_leave(member->sessions[i]);
	consumer_destroy(member->consumer);
	member->consumer = NULL;
	member->paused_until = 0;
	member->start_at = sim.now + SESSION_USEC + sim_between(5, 1500) * USEC_PER_MS;
}

static void
crash(Member *member)
{
	SIM_TRACE("member %d: crash", member->number);
	land->counts->crashes++;
	end(member);
	/* The group takes a session's time to notice. */
	sim_after(SESSION_USEC, leave_group, member);
}

static void
take_end(Member *member)
{
	const Error *error;
	int code = consumer_exit(member->consumer, &error);

	SIM_TRACE("member %d: ends with %d: %s", member->number, code, error->message);
	SIM_CHECK((member->stopping && code == EXIT_OK) || (member->starved && code == EXIT_BUG),
			  "C6: a member ended with %d: %s", code, error->message);
	end(member);
	group_leave(member);
	member->start_at = sim.now + sim_between(5, 1500) * USEC_PER_MS;
}

static MonoUsec
due_at(const Member *member)
{
	MonoUsec at = member->next_at;

	if (member->consumer == NULL)
		return member->start_at;
	if (consumer_wants_records(member->consumer) && inbox_ready_at(member) < at)
		at = inbox_ready_at(member);
	for (int i = 0; i < member->session_count; i++)
	{
		if (session_ready_at(member->sessions[i]) < at)
			at = session_ready_at(member->sessions[i]);
	}
	if (consumer_awaits_letter(member->consumer) && member->letter_at < at)
		at = member->letter_at;
	return at > member->paused_until ? at : member->paused_until;
}

static void
check_memory(const Member *member)
{
	for (int i = 0; i < member->session_count; i++)
	{
		const Lane *lane = &member->consumer->lanes[i];

		SIM_CHECK(lane->filling->count <= member->config.batch_records &&
					  lane->applying->count <= member->config.batch_records,
				  "C5: a batch has %zu records", lane->filling->count);
	}
}

static void
step(Member *member)
{
	bool refused = short_memory_refused();
	bool goes_on;

	if (member->consumer == NULL)
	{
		start(member);
		return;
	}
	member->paused_until = 0;
	member->steps++;
	land->counts->steps++;
	SIM_CHECK(member->steps < STEPS_MAX, "C6: member %d turns without an end", member->number);
	goes_on = consumer_step(member->consumer, sim.now);
	member->starved |= short_memory_refused() && !refused;
	if (!goes_on)
	{
		take_end(member);
		return;
	}
	check_memory(member);
	sim.now += sim_between(5, 40);
	member->next_at = consumer_wake_at(member->consumer, sim.now);
}

/* -------------------------------------------------------------------------
 * what happens
 * -------------------------------------------------------------------------
 */

static void
wake_late(void *object)
{
	Member *member = object;

	if (member->consumer != NULL && member->paused_until > sim.now)
		group_give_up(member);
}

static void
harm(Member *member)
{
	switch (sim_below(6))
	{
		case 0:
			crash(member);
			return;
		case 1:
			SIM_TRACE("member %d: is told to stop", member->number);
			member->stopping = true;
			consumer_stop(member->consumer, sim.now);
			member->next_at = sim.now;
			return;
		case 2:
			member->paused_until = sim.now + sim_between(10, 6000) * USEC_PER_MS;
			SIM_TRACE("member %d: stopped for a while", member->number);
			sim_after(SESSION_USEC, wake_late, member);
			return;
		default:
			session_break(member->sessions[sim_below((uint64_t) member->session_count)]);
			return;
	}
}

static void
happen(void *object)
{
	Member *member = &land->members[sim_below(MEMBERS)];
	uint64_t dice = sim_below(100);

	(void) object;
	if (sim.now >= land->ends_at)
	{
		land->loss = 0;
		return;
	}
	land->counts->faults++;
	if (dice < 12)
		database_fail_over();
	else if (dice < 30)
		group_rebalance();
	else if (member->consumer != NULL && sim.now >= member->paused_until && !member->stopping)
		harm(member);
	sim_after(sim_between(20, 900) * USEC_PER_MS, happen, NULL);
}

/* -------------------------------------------------------------------------
 * a run
 * -------------------------------------------------------------------------
 */

static void
create(SimCounts *counts)
{
	int members = (int) sim_between(1, MEMBERS);

	land = sim_alloc(sizeof(*land));
	land->counts = counts;
	land->up = true;
	land->life = 1;
	land->loss = sim_chance(30) ? 0 : (unsigned) sim_between(1, 6);
	land->ends_at = sim.now + sim_between(1, 8) * USEC_PER_SEC;
	for (int i = 0; i < PARTITIONS; i++)
	{
		land->owner[i] = land->wanted[i] = -1;
		land->database.partitions[i].highest = land->standby.partitions[i].highest = -1;
	}
	for (int i = 0; i < MEMBERS; i++)
	{
		Member *member = &land->members[i];

		member->number = i;
		member->session_count = (int) sim_between(1, CONNECTIONS);
		member->start_at = i < members ? sim.now + sim_between(0, 500) * USEC_PER_MS : MONO_NEVER;
		configure(member);
	}
	sim_after(0, produce, NULL);
	sim_after(sim_chance(10) ? 60 * USEC_PER_SEC : sim_between(1, 500) * USEC_PER_MS, happen, NULL);
}

static MonoUsec
number_due_at(int number)
{
	return due_at(&land->members[number]);
}

static void
number_step(int number)
{
	step(&land->members[number]);
}

static void
run(SimCounts *counts)
{
	create(counts);
	sim_run(&(SimParty){.count = MEMBERS,
						.due_at = number_due_at,
						.step = number_step,
						.is_over = database_has_all,
						.ends_at = land->ends_at,
						.rest_usec = REST,
						.rule = "C6"});
	for (int i = 0; i < MEMBERS; i++)
	{
		consumer_destroy(land->members[i].consumer);
		land->members[i].consumer = NULL;
	}
}

const SimSide sim_consumer_side = {"consumer", run};
