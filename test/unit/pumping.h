/*
 * pumping.h
 *	  For the tests of the pump: a source that gives the frames it was told, a sink
 *	  that delivers when it is told, and the pump between them.
 */
#ifndef OUTBOX_TEST_PUMPING_H
#define OUTBOX_TEST_PUMPING_H

#include "wire.h"

#include "exit_codes.h"
#include "pump.h"

#ifndef FRAMES_MAX
#define FRAMES_MAX 128
#endif
#define TOKENS_MAX 128
#define START_AT (INT64_C(1000) * USEC_PER_SEC)
#define GENERATION 3
#define EVENT_OID 500

typedef struct FakeSource
{
	ReplSource base;
	Buffer frames[FRAMES_MAX];
	int count;
	int next;
	int gathered;
	size_t gives;	/* bytes, each time */
	PgUsec sent_at; /* of the frames that are given next */
	PgLsn flushed;	/* in the last status update */
	int updates;
	bool ends;
} FakeSource;

typedef struct FakeSink
{
	EventSink base;
	DeliveryToken tokens[TOKENS_MAX]; /* published, not reported */
	char keys[TOKENS_MAX][8];
	int count;
	char published[512]; /* all keys in order: "abc" */
	int to_report;
	bool fail_next;
	bool certainly;
	int error_exit; /* 0: TRANSIENT */
	IoResult refuse;
	int refuse_exit;
	const char *code; /* Kafka's name of what it refuses for good; NULL: none */

	bool has_transactions;
	bool ending;
	bool end_reported; /* with the next reports, when nothing else is left */
	bool fail_end;
	int commits;
	Position committed; /* of the last commit() */
} FakeSink;

typedef struct Bench
{
	FakeSource source;
	FakeSink sink;
	TopicMap *topics;
	Router *router;
	TimelineHistory timelines;
	Pump *pump;
	MonoUsec now;
	Error error;
} Bench;

/* --- source --- */

static inline IoResult
fake_next(ReplSource *base, ByteView *frame, Error *error)
{
	FakeSource *source = (FakeSource *) base;

	(void) error;
	if (source->next == source->count)
		return source->ends ? IO_END : IO_AGAIN;
	*frame = buffer_view(&source->frames[source->next++]);
	return IO_OK;
}

static inline IoResult
fake_gather(ReplSource *base, size_t *bytes, Error *error)
{
	(void) error;
	*bytes = ((FakeSource *) base)->gives;
	((FakeSource *) base)->gathered++;
	return IO_OK;
}

static inline IoResult
fake_send_status(ReplSource *base, ByteView message, Error *error)
{
	FakeSource *source = (FakeSource *) base;
	Reader reader;

	(void) error;
	reader_init(&reader, message.data, message.len);
	assert_int_equal(reader_u8(&reader), 'r');
	(void) reader_u64(&reader);
	source->flushed = reader_u64(&reader);
	source->updates++;
	return IO_OK;
}

static inline IoResult
fake_flush(ReplSource *base, Error *error)
{
	(void) base;
	(void) error;
	return IO_OK;
}

static inline int
fake_source_fd(const ReplSource *base)
{
	(void) base;
	return -1;
}

static inline void
fake_source_close(ReplSource *base)
{
	(void) base;
}

static const ReplSourceOps fake_source_ops = {fake_next,  fake_gather,	  fake_send_status,
											  fake_flush, fake_source_fd, fake_source_close};

/* --- sink --- */

static inline IoResult
fake_publish(EventSink *base, const RoutedEvent *event, DeliveryToken token, Error *error)
{
	FakeSink *sink = (FakeSink *) base;
	size_t used;

	if (sink->refuse == IO_FAILED)
	{
		if (sink->refuse_exit != 0)
		{
			(void) error_permanent(error, sink->refuse_exit, "refused");
			snprintf(error->code, sizeof(error->code), "%s", sink->code != NULL ? sink->code : "");
		}
		else
			(void) error_transient(error, "refused");
	}
	if (sink->refuse != IO_OK)
		return sink->refuse;
	if (sink->ending)
		return IO_FULL;
	assert_true(sink->count < TOKENS_MAX);
	snprintf(sink->keys[sink->count], sizeof(sink->keys[0]), "%.*s", (int) event->key.len,
			 (const char *) event->key.data);
	sink->tokens[sink->count] = token;
	used = strlen(sink->published);
	snprintf(sink->published + used, sizeof(sink->published) - used, "%s", sink->keys[sink->count]);
	sink->count++;
	return IO_OK;
}

static inline int
fake_drain(EventSink *base, DeliveryFn deliver, void *arg, int max)
{
	FakeSink *sink = (FakeSink *) base;
	int reported = 0;

	while (sink->to_report > 0 && reported < max)
	{
		Delivery delivery = {.token = sink->tokens[0],
							 .delivered = !sink->fail_next && !sink->has_transactions,
							 .written = !sink->fail_next && sink->has_transactions,
							 .certainly_not_persisted = sink->certainly};

		error_clear(&delivery.error);
		if (sink->fail_next && sink->error_exit != 0)
		{
			(void) error_permanent(&delivery.error, sink->error_exit, "too large");
			snprintf(delivery.error.code, sizeof(delivery.error.code), "%s",
					 sink->code != NULL ? sink->code : "");
		}
		else if (sink->fail_next)
			(void) error_transient(&delivery.error, "timed out");
		sink->count--;
		memmove(&sink->tokens[0], &sink->tokens[1], (size_t) sink->count * sizeof(sink->tokens[0]));
		memmove(&sink->keys[0], &sink->keys[1], (size_t) sink->count * sizeof(sink->keys[0]));
		deliver(&delivery, arg);
		sink->to_report--;
		reported++;
	}
	if (sink->ending && sink->end_reported && sink->count == 0 && reported < max)
	{
		Delivery end = {.token = 0, .delivered = !sink->fail_end};

		error_clear(&end.error);
		if (sink->fail_end)
			(void) error_transient(&end.error, "could not commit");
		sink->ending = sink->end_reported = false;
		deliver(&end, arg);
		reported++;
	}
	return reported;
}

static inline IoResult
fake_commit(EventSink *base, const Position *before, Error *error)
{
	FakeSink *sink = (FakeSink *) base;

	(void) error;
	if (sink->ending)
		return IO_AGAIN;
	sink->ending = true;
	sink->commits++;
	sink->committed = *before;
	return IO_OK;
}

static inline int
fake_sink_fd(const EventSink *base)
{
	(void) base;
	return -1;
}

static inline void
fake_sink_close(EventSink *base)
{
	(void) base;
}

static inline void
fake_release(EventSink *base)
{
	(void) base;
}

static const EventSinkOps fake_sink_ops = {fake_publish, fake_release,	  fake_drain,
										   fake_sink_fd, fake_sink_close, fake_commit};

/* --- frames --- */

static inline Buffer *
new_frame(Bench *bench)
{
	Buffer *frame;

	assert_true(bench->source.count < FRAMES_MAX);
	frame = &bench->source.frames[bench->source.count++];
	buffer_init(frame, 1 << 16);
	return frame;
}

static inline Buffer *
new_data(Bench *bench)
{
	Buffer *frame = new_frame(bench);

	buffer_append_u8(frame, 'w');
	buffer_append_u64(frame, 0);
	buffer_append_u64(frame, 0);
	buffer_append_u64(frame, (uint64_t) bench->source.sent_at);
	return frame;
}

static inline void
give_relation(Bench *bench)
{
	static const struct
	{
		const char *name;
		uint32_t type_oid;
	} columns[] = {{"id", 2950},	  {"aggregatetype", 25}, {"aggregateid", 25},
				   {"type", 25},	  {"payload", 114},		 {"payload_bytes", 17},
				   {"headers", 3802}, {"created_at", 1184}};
	Buffer *frame = new_data(bench);

	buffer_append_u8(frame, 'R');
	buffer_append_u32(frame, EVENT_OID);
	wire_put_cstring(frame, "outbox");
	wire_put_cstring(frame, "event");
	buffer_append_u8(frame, 'd');
	buffer_append_u16(frame, LENGTH(columns));
	for (size_t i = 0; i < LENGTH(columns); i++)
	{
		buffer_append_u8(frame, 0);
		wire_put_cstring(frame, columns[i].name);
		buffer_append_u32(frame, columns[i].type_oid);
		buffer_append_u32(frame, 0xffffffff);
	}
}

static inline void
give_begin(Bench *bench, PgLsn commit_lsn)
{
	Buffer *frame = new_data(bench);

	buffer_append_u8(frame, 'B');
	buffer_append_u64(frame, commit_lsn);
	buffer_append_u64(frame, 1234);
	buffer_append_u32(frame, 1);
}

static inline void
give_text(Buffer *frame, const char *text)
{
	buffer_append_u8(frame, 't');
	buffer_append_u32(frame, (uint32_t) strlen(text));
	buffer_append_str(frame, text);
}

static inline void
give_event(Bench *bench, const char *type, const char *key)
{
	Buffer *frame = new_data(bench);

	buffer_append_u8(frame, 'I');
	buffer_append_u32(frame, EVENT_OID);
	buffer_append_u8(frame, 'N');
	buffer_append_u16(frame, 8);
	give_text(frame, "0190b2c4-1111-7222-8333-444455556666");
	give_text(frame, type);
	give_text(frame, key);
	give_text(frame, "t");
	give_text(frame, "{}");
	buffer_append_u8(frame, 'n');
	buffer_append_u8(frame, 'n');
	buffer_append_u8(frame, 'n');
}

static inline void
give_commit(Bench *bench, PgLsn commit_lsn)
{
	Buffer *frame = new_data(bench);

	buffer_append_u8(frame, 'C');
	buffer_append_u8(frame, 0);
	buffer_append_u64(frame, commit_lsn);
	buffer_append_u64(frame, commit_lsn + 48);
	buffer_append_u64(frame, 1234);
}

static inline void
give_heartbeat(Bench *bench, const char *content)
{
	Buffer *frame = new_data(bench);

	buffer_append_u8(frame, 'M');
	buffer_append_u8(frame, 1);
	buffer_append_u64(frame, 1);
	wire_put_cstring(frame, "pg_outbox.heartbeat");
	buffer_append_u32(frame, (uint32_t) strlen(content));
	buffer_append_str(frame, content);
}

static inline void
give_keepalive(Bench *bench, PgLsn end_lsn, bool reply)
{
	Buffer *frame = new_frame(bench);

	buffer_append_u8(frame, 'k');
	buffer_append_u64(frame, end_lsn);
	buffer_append_u64(frame, 0);
	buffer_append_u8(frame, reply);
}

/* A transaction with an event for each letter of keys. */
static inline void
give_transaction(Bench *bench, PgLsn commit_lsn, const char *keys)
{
	give_begin(bench, commit_lsn);
	give_relation(bench);
	for (; *keys != '\0'; keys++)
	{
		char key[2] = {*keys, '\0'};

		give_event(bench, "ride", key);
	}
	give_commit(bench, commit_lsn);
}

/* One with an event of that type and key alone. */
static inline void
give_lone(Bench *bench, PgLsn commit_lsn, const char *type, const char *key)
{
	give_begin(bench, commit_lsn);
	give_relation(bench);
	give_event(bench, type, key);
	give_commit(bench, commit_lsn);
}

/* --- the pump --- */

static inline void
drop_frames(Bench *bench)
{
	for (int i = 0; i < bench->source.count; i++)
		buffer_free(&bench->source.frames[i]);
	bench->source.count = bench->source.next = 0;
}

static inline PgLsn
start_stream(Bench *bench, PgLsn mark_lsn)
{
	FeedbackConfig feedback = {10 * USEC_PER_SEC, 60 * USEC_PER_SEC};
	PgLsn start_lsn = 0;

	drop_frames(bench);
	assert_true(pump_start(bench->pump, GENERATION, &bench->timelines, bench->router, mark_lsn,
						   &feedback, bench->now, &start_lsn, &bench->error));
	return start_lsn;
}

static inline PumpVerdict
read_all(Bench *bench)
{
	return pump_read(bench->pump, &bench->source.base, &bench->sink.base, bench->now,
					 &bench->error);
}

static inline PumpVerdict
deliver(Bench *bench, int count)
{
	bench->sink.to_report = count;
	return pump_settle(bench->pump, &bench->sink.base, 5000, &bench->error);
}

/* Kafka refuses the next that it reports for good; certainly: and has not persisted it. */
static inline PumpVerdict
deliver_refusal(Bench *bench, int count, const char *code, bool certainly)
{
	bench->sink.fail_next = true;
	bench->sink.certainly = certainly;
	bench->sink.error_exit = EXIT_POISON;
	bench->sink.code = code;
	return deliver(bench, count);
}

/* After a failure the producer is thrown away with all that it held. */
static inline void
replace_sink(Bench *bench)
{
	bool transactions = bench->sink.has_transactions;

	pump_sink_lost(bench->pump);
	memset(&bench->sink, 0, sizeof(bench->sink));
	bench->sink.base.ops = &fake_sink_ops;
	bench->sink.has_transactions = transactions;
}

static inline int
set_up_with(void **state, const TransactionLimits *transactions)
{
	PumpConfig config = {.window = {8, 4, 1 << 20},
						 .mark_interval_usec = USEC_PER_SEC,
						 .mark_idle_bytes = 1000,
						 .silence_usec = 60 * USEC_PER_SEC};
	Bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->source.base.ops = &fake_source_ops;
	bench->sink.base.ops = &fake_sink_ops;
	bench->sink.has_transactions = transactions != NULL;
	if (transactions != NULL)
		config.transactions = *transactions;
	bench->now = START_AT;
	error_clear(&bench->error);
	timeline_init(&bench->timelines, 1);
	bench->topics = topic_map_create();
	assert_true(topic_map_add(bench->topics, "t.ride", 3, &bench->error));
	bench->router = router_create("t.{aggregatetype}", "src", bench->topics, &bench->error);
	assert_non_null(bench->router);
	bench->pump = pump_create(&config);
	assert_non_null(bench->pump);
	assert_int_equal(start_stream(bench, 100), 100);
	*state = bench;
	return 0;
}

static inline int
set_up(void **state)
{
	return set_up_with(state, NULL);
}

static inline int
tear_down(void **state)
{
	Bench *bench = *state;

	drop_frames(bench);
	pump_free(bench->pump);
	router_free(bench->router);
	topic_map_free(bench->topics);
	free(bench);
	return 0;
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
