/*
 * relay_side.c
 *	  A run of the relays' world: what happens to it, when relay_step() is called, and how it ends.
 *
 * A relay is called as its main loop would call it: when the time that it named has come, or
 * something is ready that it waits for; who waits for nothing waits for ever, and fails R7.  For
 * some seconds transactions are committed and things go wrong; then nothing does any more, and
 * all has to come to its end.
 *
 * Invariants: R5 and R7 of relay_world.h are asked here.
 */
#include "relay_world.h"

#include "exit_codes.h"
#include "pump_intern.h"
#include "short_memory.h"

#include <string.h>

#define STEPS_MAX 60000
#define DEAF_MAX 20
#define REST (400 * USEC_PER_SEC) /* a silent stream alone takes a minute */

RelayWorld *world;

/* -------------------------------------------------------------------------
 * relays
 * -------------------------------------------------------------------------
 */

static const RelayConfig *
default_config(void)
{
	static RelayConfig config;
	static bool made;
	Options *options;
	Error error;

	if (made)
		return &config;
	error_clear(&error);
	options = options_create(&relay_option_table);
	SIM_CHECK(options != NULL &&
				  options_set(options, "kafka.bootstrap.servers", "made.up", "sim", &error) &&
				  relay_config_fill(&config, options, &error),
			  "the settings: %s", error.message);
	made = true;
	return &config;
}

static void
choose_limits(RelayConfig *config)
{
	config->window_events = (uint32_t) sim_between(1, sim_chance(50) ? 8 : WINDOW_MAX);
	config->window_transactions = (uint32_t) sim_between(1, sim_chance(50) ? 4 : 64);
	config->window_bytes = (uint64_t) sim_between(100, 20000);
}

static void
configure(SimRelay *relay, PoisonPolicy policy)
{
	RelayConfig *config = &relay->config;

	*config = *default_config();
	config->slot = "sim";
	config->poison_policy = policy;
	config->exactly_once = world->exactly_once;
	choose_limits(config);
	config->gather_interval_usec = sim_between(0, 8) * USEC_PER_MS;
	config->mark_interval_usec = sim_between(10, 200) * USEC_PER_MS;
	config->mark_idle_bytes = (uint64_t) sim_between(65536, 400000);
	config->heartbeat_interval_usec = sim_between(100, 600) * USEC_PER_MS;
	config->feedback_interval_usec = sim_between(100, 2000) * USEC_PER_MS;
	config->drain_timeout_usec = sim_between(0, 600) * USEC_PER_MS;
	config->reconnect_min_usec = 5 * USEC_PER_MS;
	config->reconnect_max_usec = 300 * USEC_PER_MS;
	config->transaction_timeout_ms = 2000;
	config->transaction_linger_usec = sim_between(0, 20) * USEC_PER_MS;
	config->transaction_interval_usec = sim_between(1, 400) * USEC_PER_MS;
	config->transaction_events = (uint64_t) sim_between(1, 60);
	config->transaction_split_events = sim_chance(30) ? (uint64_t) sim_between(5, 40) : 0;
}

static void
start(SimRelay *relay)
{
	bool refused = short_memory_refused();
	Error error;

	error_clear(&error);
	poller_init_plain(&relay->poller);
	if (world->changes_mode && world->relays[1 - relay->number].relay == NULL)
		world->mode = sim_chance(50);
	if (world->changes_mode)
		relay->config.exactly_once = world->mode && !relay->refused;
	relay->refused = false;
	relay->relay = relay_create(&relay->config, &relay->poller, sim.now, &error);
	relay->starved = short_memory_refused() && !refused;
	SIM_CHECK(relay->relay != NULL || relay->starved, "%s", error.message);
	relay->start_at = sim.now + USEC_PER_SEC;
	if (relay->relay == NULL)
		return;
	relay->next_at = sim.now;
	relay->started_at = sim.now;
	relay->stopping = false;
	relay->window = relay->config.window_events;
	relay->published = LSN_INVALID;
	SIM_TRACE("relay %d: starts", relay->number);
}

static void
end(SimRelay *relay)
{
	relay_free(relay->relay);
	relay->relay = NULL;
	relay->start_at = sim.now + sim_between(5, 1500) * USEC_PER_MS;
}

static void
crash(SimRelay *relay)
{
	SIM_TRACE("relay %d: crash in state %s", relay->number, relay_state_name(relay->relay->state));
	world->counts->crashes++;
	world->dying = true;
	end(relay);
	world->dying = false;
	relay->paused_until = 0;
}

/* Somebody raises the broker's limit.  A relay that found it out before may still say so. */
static bool
cure(void)
{
	bool any = false;

	for (int i = 0; i < world->event_count; i++)
	{
		SimEvent *event = &world->events[i];

		any |= event->poison && !event_is_settled(event);
		event->poison &= event_is_settled(event);
	}
	if (any)
		world->cured_at = sim.now;
	return any;
}

static void
take_end(SimRelay *relay)
{
	const Error *error = relay_error(relay->relay);
	int code = relay_exit_code(relay->relay);

	SIM_TRACE("relay %d: ends with %d: %s%s", relay->number, code, error->message,
			  relay->relay->drained ? "drained" : "");
	SIM_CHECK(!relay->relay->drained || relay->stopped_life != world->server.life ||
				  relay->published < server_rows()->mark_lsn,
			  "R10: a relay says that all is marked, it sent %llX and the mark is %llX",
			  (unsigned long long) relay->published, (unsigned long long) server_rows()->mark_lsn);
	relay->refused = world->changes_mode && relay->config.exactly_once && code == EXIT_CONFIG;
	if (code == EXIT_POISON && relay->config.poison_policy == POISON_STOP)
		SIM_CHECK(cure() || relay->started_at < world->cured_at,
				  "R7: a relay stopped at poison that isn't: %s", error->message);
	else if (!relay->refused && (!relay->starved || code != EXIT_BUG))
		SIM_CHECK(relay->stopping && code == EXIT_OK, "R7: a relay ended with %d: %s, %s", code,
				  error->message, error->detail);
	end(relay);
}

/* The descriptors that it waits for. */
static short
watched(const SimRelay *relay, int slot)
{
	const struct pollfd *entry = &relay->poller.fds[slot];

	return entry->fd >= 0 ? entry->events : 0;
}

static MonoUsec
due_at(const SimRelay *relay)
{
	const Relay *inner = relay->relay;
	MonoUsec at = relay->next_at;
	short source_events;

	if (inner == NULL)
		return relay->start_at;
	source_events = watched(relay, inner->source_slot);
	if ((watched(relay, inner->registry_slot) != 0 && relay->registry != NULL &&
		 registry_is_ready(relay->registry)) ||
		(watched(relay, inner->sink_slot) != 0 && relay->sink != NULL &&
		 sink_is_ready(relay->sink)))
		at = sim.now;
	if (source_events != 0 && relay->source != NULL &&
		source_ready_at(relay->source, source_events) < at)
		at = source_ready_at(relay->source, source_events);
	return at > relay->paused_until ? at : relay->paused_until;
}

static void
check_memory(const SimRelay *relay)
{
	const Pump *pump = relay->relay->pump;

	SIM_CHECK(window_unacknowledged(pump->window) <= relay->window, "R5: %u events are in flight",
			  window_unacknowledged(pump->window));
	SIM_CHECK(window_bytes(pump->window) <= pump->config.window.max_bytes ||
				  window_unacknowledged(pump->window) == 1,
			  "R5: %llu bytes are in flight, %llu are allowed",
			  (unsigned long long) window_bytes(pump->window),
			  (unsigned long long) pump->config.window.max_bytes);
	SIM_CHECK(relay->sink == NULL || sink_outstanding(relay->sink) <= relay->window,
			  "R5: the producer holds %u events", sink_outstanding(relay->sink));
}

/* One that is woken up for a stream and doesn't look at it is woken up for it again, and again. */
static void
check_hearing(SimRelay *relay, const struct PgSource *woken_by, uint64_t looks)
{
	relay->deaf = woken_by != NULL && woken_by == relay->source && source_looks(woken_by) == looks
					  ? relay->deaf + 1
					  : 0;
	SIM_CHECK(relay->deaf < DEAF_MAX,
			  "R7: relay %d turns around a stream that it doesn't read, in state %s", relay->number,
			  relay_state_name(relay->relay->state));
}

/* What is there to be read, and wanted; NULL: nothing. */
static const struct PgSource *
waker(const SimRelay *relay)
{
	bool wakes = relay->source != NULL &&
				 (watched(relay, relay->relay->source_slot) & POLLIN) != 0 &&
				 source_is_ready(relay->source, POLLIN);

	return wakes ? relay->source : NULL;
}

static void
step(SimRelay *relay)
{
	MonoUsec wake_at = MONO_NEVER;
	const struct PgSource *woken_by;
	uint64_t looks;
	bool refused = short_memory_refused();
	bool goes_on;

	if (relay->relay == NULL)
	{
		start(relay);
		return;
	}
	if (relay->paused_until > 0)
		relay->resumed_at = sim.now;
	relay->paused_until = 0;
	relay->steps++;
	world->counts->steps++;
	SIM_CHECK(relay->steps < STEPS_MAX, "R7: relay %d turns without an end, in state %s",
			  relay->number, relay_state_name(relay->relay->state));
	world->running = relay;
	woken_by = waker(relay);
	looks = woken_by != NULL ? source_looks(woken_by) : 0;
	goes_on = relay_step(relay->relay, sim.now, clock_pg(), &wake_at);
	relay->next_at = wake_at;
	relay->starved |= short_memory_refused() && !refused;
	sim.now += sim_between(5, 40);
	if (goes_on)
	{
		check_memory(relay);
		check_hearing(relay, woken_by, looks);
	}
	else
		take_end(relay);
}

/* -------------------------------------------------------------------------
 * what happens
 * -------------------------------------------------------------------------
 */

static void
write_something(void *object)
{
	int events = sim_chance(6) ? (int) sim_between(20, 120) : (int) sim_between(0, 5);

	(void) object;
	if (sim.now >= world->ends_at)
		return;
	if (world->server.up && world->server.entry_count < ENTRIES_MAX / 2 &&
		world->event_count + events < EVENTS_MAX)
		(void) server_commit(events, events == 0);
	sim_after(sim_between(1, 120) * USEC_PER_MS, write_something, NULL);
}

static void
pause(SimRelay *relay)
{
	relay->paused_until = sim.now + sim_between(10, 6000) * USEC_PER_MS;
	SIM_TRACE("relay %d: stopped until %f", relay->number,
			  (double) relay->paused_until / USEC_PER_SEC);
}

static void
reconfigure(SimRelay *relay)
{
	bool refused = short_memory_refused();

	choose_limits(&relay->config);
	if (relay->config.window_events > relay->window)
		relay->window = relay->config.window_events;
	world->running = relay;
	relay_reconfigure(relay->relay, sim_chance(80) ? PRODUCER_ANEW : PRODUCER_ELSEWHERE, sim.now);
	relay->starved |= short_memory_refused() && !refused;
	relay->next_at = sim.now;
}

static void
stop(SimRelay *relay)
{
	SIM_TRACE("relay %d: is told to stop", relay->number);
	relay->stopping = true;
	relay->stopped_life = world->server.life;
	world->running = relay;
	relay_stop(relay->relay, sim.now);
	relay->next_at = sim.now;
}

/* Of one that runs. */
static void
harm(SimRelay *relay)
{
	switch (sim_below(9))
	{
		case 0:
		case 1:
			crash(relay);
			return;
		case 2:
			stop(relay);
			return;
		case 3:
			pause(relay);
			return;
		case 4:
			if (relay->registry != NULL)
				registry_break(relay->registry);
			return;
		case 5:
		case 6:
			if (relay->source != NULL)
				source_break(relay->source, sim_chance(10));
			return;
		case 7:
			if (relay->sink != NULL)
				sink_break(relay->sink);
			return;
		default:
			reconfigure(relay);
			return;
	}
}

static void
happen(void *object)
{
	SimRelay *relay = &world->relays[sim_below(RELAYS)];
	uint64_t dice = sim_below(100);

	(void) object;
	if (sim.now >= world->ends_at)
	{
		world->loss = 0;
		return;
	}
	world->counts->faults++;
	if (dice < 8)
		server_crash();
	else if (dice < 12)
		server_promote();
	else if (dice < 22)
		world->broker.up_at = sim.now + sim_between(10, 3000) * USEC_PER_MS;
	else if (relay->relay != NULL && sim.now >= relay->paused_until)
		harm(relay);
	sim_after(sim_between(20, 900) * USEC_PER_MS, happen, NULL);
}

/* -------------------------------------------------------------------------
 * a run
 * -------------------------------------------------------------------------
 */

static void
create(SimCounts *counts)
{
	PoisonPolicy policy;
	int relays = sim_chance(50) ? RELAYS : 1;

	world = sim_alloc(sizeof(*world));
	world->counts = counts;
	world->events = sim_alloc(EVENTS_MAX * sizeof(*world->events));
	world->exactly_once = sim_chance(50);
	world->changes_mode = !world->exactly_once && sim_chance(30);
	world->loss = sim_chance(30) ? 0 : (unsigned) sim_between(1, 6);
	world->ends_at = sim.now + sim_between(1, 7) * USEC_PER_SEC;
	policy = sim_chance(70) ? POISON_DEAD_LETTER : POISON_STOP;
	broker_init();
	server_init();
	for (int i = 0; i < RELAYS; i++)
	{
		SimRelay *relay = &world->relays[i];

		relay->number = i;
		relay->start_at = i < relays ? sim.now + sim_between(0, 50) * USEC_PER_MS : MONO_NEVER;
		configure(relay, policy);
	}
	sim_after(0, write_something, NULL);
	/* Some runs are undisturbed. */
	sim_after(sim_chance(10) ? 60 * USEC_PER_SEC : sim_between(1, 500) * USEC_PER_MS, happen, NULL);
}

static MonoUsec
number_due_at(int number)
{
	return due_at(&world->relays[number]);
}

static void
number_step(int number)
{
	step(&world->relays[number]);
}

static void
leave(void)
{
	world->dying = true;
	for (int i = 0; i < RELAYS; i++)
	{
		relay_free(world->relays[i].relay);
		world->relays[i].relay = NULL;
	}
}

static void
run(SimCounts *counts)
{
	create(counts);
	sim_run(&(SimParty){.count = RELAYS,
						.due_at = number_due_at,
						.step = number_step,
						.is_over = all_is_settled,
						.ends_at = world->ends_at,
						.rest_usec = REST,
						.rule = "R7"});
	check_settled_again();
	leave();
}

const SimSide sim_relay_side = {"relay", run};
