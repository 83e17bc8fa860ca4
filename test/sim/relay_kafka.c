/*
 * relay_kafka.c
 *	  The Kafka of the relays' world: its logs, who reads them, and kafka_tail.h, kafka_topics.h and
 *	  kafka_position.h for the simulation.
 *
 * Each log has a reader that goes by positions, as docs/protocol.md tells readers to do: what isn't
 * above the highest position that it has seen is a repetition.  With transactions it
 * reads committed records, and drops nothing.
 *
 * Invariants: R3 and R4 of relay_world.h are asked here, of each record.
 */
#include "relay_world.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#define ROOM 64

int64_t
some_time(void)
{
	if (sim_chance(world->loss / 2))
		return sim_between(100, 1500) * USEC_PER_MS;
	return sim_between(50, 5000);
}

static void
place_keys(void)
{
	char key[8];

	for (int topic = 0; topic < TOPICS; topic++)
	{
		for (int i = 0; i < KEYS; i++)
		{
			int len = snprintf(key, sizeof(key), "k%d", i);

			world->key_places[topic][i] =
				topic * PARTITIONS +
				rd_kafka_msg_partitioner_murmur2(NULL, key, (size_t) len, PARTITIONS, NULL, NULL);
		}
	}
}

void
broker_init(void)
{
	place_keys();
	for (int i = 0; i < PLACES; i++)
		world->broker.places[i].expected = sim_alloc(EVENTS_MAX * sizeof(int));
}

bool
broker_is_up(void)
{
	return sim.now >= world->broker.up_at;
}

const char *
topic_name(int topic)
{
	static const char *const names[TOPICS] = {"outbox.event.t0", "outbox.event.t1",
											  "outbox.event.t2"};

	return names[topic];
}

int
find_topic(const char *name)
{
	for (int topic = 0; topic < TOPICS; topic++)
	{
		if (strcmp(name, topic_name(topic)) == 0)
			return topic;
	}
	sim_fail("R3: topic \"%s\"", name);
}

/* -------------------------------------------------------------------------
 * logs
 * -------------------------------------------------------------------------
 */

/* What a reader may meet next: dead letters don't come, nor what a new primary never had. */
static int
expected_next(Place *place)
{
	while (place->next < place->expected_count)
	{
		const SimEvent *event = &world->events[place->expected[place->next]];

		if (!event->lost && !event_is_settled(event))
			return place->expected[place->next];
		place->next++;
	}
	return -1;
}

void
broker_accept(int number, Record *record)
{
	Place *place = &world->broker.places[number];
	SimEvent *event = &world->events[record->event];
	int next;

	record->committed = true;
	event->committed++;
	if (place->seen && position_compare(&record->position, &place->highest) <= 0)
	{
		SIM_CHECK(event->accepted || event->lost,
				  "R4: readers of place %d drop event %d, and never had it", number, record->event);
		SIM_CHECK(!world->exactly_once || event->lost, "R4: committed readers see event %d again",
				  record->event);
		world->counts->repeated++;
		return;
	}
	next = expected_next(place);
	SIM_CHECK(event->lost || next == record->event,
			  "R4: place %d has event %d where event %d comes next", number, record->event, next);
	place->highest = record->position;
	place->seen = true;
	event->accepted = true;
	SIM_TRACE("kafka: event %d in place %d", record->event, number);
}

static void
check_record(int number, int event_number, const Position *position)
{
	const SimEvent *event = &world->events[event_number];

	SIM_CHECK(event->place == number, "R3: event %d of place %d is in place %d", event_number,
			  event->place, number);
	SIM_CHECK(position->generation == GENERATION && position->timeline == event->timeline &&
				  position->commit_lsn == event->commit_lsn && position->ordinal == event->ordinal,
			  "R3: event %d at %u.%u/%llX/%llu", event_number, position->generation,
			  position->timeline, (unsigned long long) position->commit_lsn,
			  (unsigned long long) position->ordinal);
	SIM_CHECK(!event->poison, "R3: the broker took event %d, which it refuses", event_number);
}

void
broker_append(FakeSink *sink, int number, int event, const Position *position)
{
	Place *place = &world->broker.places[number];

	(void) sink;
	check_record(number, event, position);
	if (place->count == place->room)
	{
		int room = place->room == 0 ? ROOM : 2 * place->room;
		Record *log = sim_alloc((size_t) room * sizeof(*log));

		if (place->count > 0)
			memcpy(log, place->log, (size_t) place->count * sizeof(*log));
		place->log = log;
		place->room = room;
	}
	place->log[place->count++] = (Record){.event = event, .position = *position};
	if (position->commit_lsn > place->written)
		place->written = position->commit_lsn;
}

/* -------------------------------------------------------------------------
 * topics
 * -------------------------------------------------------------------------
 */

static IoResult
no_answer(Error *error)
{
	error_transient(error, "no broker answers");
	return IO_FAILED;
}

IoResult
kafka_topic_partitions(EventSink *sink, const char *topic, uint32_t topic_index,
					   uint32_t *partitions, Error *error)
{
	(void) sink, (void) topic_index;
	if (!broker_is_up() || sim_chance(world->loss))
		return no_answer(error);
	if (strcmp(topic, world->running->config.position_topic) == 0)
		*partitions = world->broker.position_topic;
	else
		*partitions = world->broker.made[find_topic(topic)] ? PARTITIONS : 0;
	return IO_OK;
}

struct TopicMaker
{
	int topic; /* -1: that of positions */
	bool made;
	MonoUsec wake_at;
};

TopicMaker *
topic_maker_start(EventSink *sink, const RelayConfig *config, const char *topic,
				  uint32_t topic_index, Error *error)
{
	TopicMaker *maker = sim_alloc(sizeof(*maker));

	(void) sink, (void) config, (void) topic_index, (void) error;
	maker->topic = find_topic(topic);
	maker->wake_at = sim.now + some_time();
	return maker;
}

TopicMaker *
topic_maker_start_compacted(EventSink *sink, const RelayConfig *config, const char *topic,
							uint32_t topic_index, Error *error)
{
	TopicMaker *maker = sim_alloc(sizeof(*maker));

	(void) sink, (void) config, (void) topic, (void) topic_index, (void) error;
	maker->topic = -1;
	maker->wake_at = sim.now + some_time();
	return maker;
}

IoResult
topic_maker_step(TopicMaker *maker, MonoUsec now, uint32_t *partitions, Error *error)
{
	bool *there =
		maker->topic < 0 ? &world->broker.position_topic : &world->broker.made[maker->topic];

	if (now < maker->wake_at)
		return IO_AGAIN;
	if (!broker_is_up() || sim_chance(world->loss))
		return no_answer(error);
	maker->made = !*there;
	*there = true;
	*partitions = maker->topic < 0 ? 1 : PARTITIONS;
	return IO_OK;
}

MonoUsec
topic_maker_wake_at(const TopicMaker *maker)
{
	return maker->wake_at;
}

bool
topic_maker_made(const TopicMaker *maker)
{
	return maker->made;
}

const char *
topic_maker_topic(const TopicMaker *maker)
{
	return topic_name(maker->topic);
}

void
topic_maker_free(TopicMaker *maker)
{
	(void) maker;
}

/* -------------------------------------------------------------------------
 * the tail, and the position
 * -------------------------------------------------------------------------
 */

struct KafkaTail
{
	bool whole;
	bool wanted[TOPICS];
	MonoUsec wake_at;
	bool found;
	TailPosition highest;
};

KafkaTail *
kafka_tail_open(const RelayConfig *config, const TopicMap *topics, const TopicMap *but,
				const char *source_id, int64_t since_ms, Error *error)
{
	KafkaTail *tail = sim_alloc(sizeof(*tail));

	(void) config, (void) but, (void) source_id, (void) error;
	for (uint32_t i = 0; i < topic_map_count(topics); i++)
	{
		uint32_t partitions;

		tail->wanted[find_topic(topic_map_name(topics, i, &partitions))] = true;
	}
	tail->whole = since_ms > 0;
	tail->wake_at = sim.now + some_time();
	return tail;
}

static void
take_tail(KafkaTail *tail, int place, const Record *record)
{
	if (tail->found && position_compare(&record->position, &tail->highest.position) <= 0)
		return;
	tail->found = true;
	tail->highest.position = record->position;
	tail->highest.partition = place % PARTITIONS;
	snprintf(tail->highest.topic, sizeof(tail->highest.topic), "%s",
			 topic_name(place / PARTITIONS));
}

/* The last record of each partition, or all of them, committed or not. */
IoResult
kafka_tail_step(KafkaTail *tail, MonoUsec now, Error *error)
{
	if (now < tail->wake_at)
		return IO_AGAIN;
	if (!broker_is_up() || sim_chance(world->loss))
		return no_answer(error);
	for (int i = 0; i < PLACES; i++)
	{
		const Place *place = &world->broker.places[i];
		int first = tail->whole || place->count == 0 ? 0 : place->count - 1;

		for (int n = first; tail->wanted[i / PARTITIONS] && n < place->count; n++)
			take_tail(tail, i, &place->log[n]);
	}
	return IO_OK;
}

MonoUsec
kafka_tail_wake_at(const KafkaTail *tail)
{
	return tail->wake_at;
}

bool
kafka_tail_highest(const KafkaTail *tail, TailPosition *highest)
{
	if (tail->found)
		*highest = tail->highest;
	return tail->found;
}

void
kafka_tail_free(KafkaTail *tail)
{
	(void) tail;
}

struct KafkaPosition
{
	MonoUsec wake_at;
	bool found;
	Position before;
};

KafkaPosition *
kafka_position_open(const RelayConfig *config, const char *source_id, Error *error)
{
	KafkaPosition *position = sim_alloc(sizeof(*position));

	(void) config, (void) source_id, (void) error;
	position->wake_at = sim.now + some_time();
	return position;
}

IoResult
kafka_position_step(KafkaPosition *position, MonoUsec now, Error *error)
{
	if (now < position->wake_at)
		return IO_AGAIN;
	if (!broker_is_up() || sim_chance(world->loss))
		return no_answer(error);
	position->found = world->broker.has_position;
	position->before = world->broker.position;
	return IO_OK;
}

MonoUsec
kafka_position_wake_at(const KafkaPosition *position)
{
	return position->wake_at;
}

bool
kafka_position_found(const KafkaPosition *position, Position *before, PositionWriter *writer)
{
	*before = position->before;
	*writer = (PositionWriter){.system_identifier = SYSTEM_ID,
							   .transactional_id = "pg_outbox." SOURCE_ID ".sim"};
	return position->found;
}

void
kafka_position_free(KafkaPosition *position)
{
	(void) position;
}
