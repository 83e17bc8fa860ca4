/*
 * test_consumer_lanes.c
 *	  The conductor with four connections over twelve partitions: who gets what, what
 *	  they share, and what they don't wait for.
 */
#include "consumer_many.h"

static unsigned broken; /* answers, by the outcomes below */

static ManyOutcome
fail_all(Many *many, const ManyTarget *target)
{
	(void) many;
	if (target->request != REQUEST_APPLY)
		return MANY_DONE;
	broken++;
	return MANY_FAILED;
}

static void
each_has_as_many(void **state)
{
	Many many;

	(void) state;
	many_open(&many, 1);
	many_tell(&many, INBOX_ASSIGNED, 0, 5);
	many_run(&many, SEC / 10);
	many_tell(&many, INBOX_ASSIGNED, 5, 7);
	many_grow(&many, 1000);
	many_run(&many, 60 * SEC);
	assert_true(many_all_applied(&many));
	assert_int_equal(many.most_busy, MANY_LANES);
	for (int lane = 0; lane < MANY_LANES; lane++)
	{
		int count = 0;

		for (int slot = 0; slot < many.consumer->partitions.count; slot++)
			count += many.consumer->partitions.items[slot].lane == lane;
		assert_int_equal(count, MANY_PARTITIONS / MANY_LANES);
		assert_int_equal(many.targets[lane].connects, 1);
	}
	assert_int_equal(many.consumer->stats.applied, MANY_PARTITIONS * 1000);
	many_close(&many);
}

static void
who_has_no_partition_isnt_connected(void **state)
{
	Many many;

	(void) state;
	many_open(&many, 1);
	many_run(&many, SEC);
	assert_true(many.targets[0].connected);
	assert_int_equal(consumer_connections(many.consumer), 1);
	many_tell(&many, INBOX_ASSIGNED, 0, 2);
	many_run(&many, SEC);
	assert_true(many.targets[1].connected);
	assert_false(many.targets[2].connected || many.targets[3].connected);
	assert_int_equal(consumer_target_state(many.consumer), TARGET_IDLE);
	assert_int_equal(consumer_connections(many.consumer), 2);
	many_close(&many);
}

/* Five failures of whoever it was, a minute of silence, and one call at a time then. */
static void
one_breaker_for_all(void **state)
{
	Many many;
	const Breaker *breaker;
	MonoUsec opened;
	unsigned calls;

	(void) state;
	many_open(&many, 1);
	breaker = &many.consumer->breaker;
	many_tell(&many, INBOX_ASSIGNED, 0, MANY_PARTITIONS);
	many_run(&many, SEC / 10);
	broken = 0;
	many.outcome = fail_all;
	many_grow(&many, 1000);
	many_run(&many, 10 * SEC);
	assert_int_equal(breaker->state, BREAKER_OPEN);
	/* Those that were under way when it opened end, too. */
	assert_in_range(broken, 5, 5 + MANY_LANES - 1);
	for (int i = 0; i < MANY_PARTITIONS; i++)
		assert_true(many.partitions[i].paused);
	opened = breaker->since;
	calls = broken;
	many_run(&many, opened + 60 * SEC - many.now);
	assert_int_equal(broken, calls);

	/* A probe that fails is the only one. */
	many.most_busy = 0;
	many.largest = 0;
	many_run(&many, SEC);
	assert_int_equal(broken, calls + 1);
	assert_int_equal(breaker->state, BREAKER_OPEN);

	many.outcome = NULL;
	many_run(&many, breaker->since + 60 * SEC - many.now);
	while (breaker->state != BREAKER_CLOSED && many.now < opened + 200 * SEC)
	{
		assert_in_range(many.most_busy, 0, 1);
		assert_in_range(many.largest, 0, many.config.probe_records);
		many_run(&many, 10 * USEC_PER_MS);
	}
	assert_int_equal(breaker->state, BREAKER_CLOSED);
	many_run(&many, 60 * SEC);
	assert_true(many_all_applied(&many));
	assert_int_equal(many.most_busy, MANY_LANES);
	many_close(&many);
}

static void
connections_that_break_together_are_one_failure(void **state)
{
	Many many;

	(void) state;
	many_open(&many, 1);
	many_tell(&many, INBOX_ASSIGNED, 0, MANY_PARTITIONS);
	many_grow(&many, 10);
	many_run(&many, 5 * SEC);
	assert_true(many_all_applied(&many));
	for (int i = 0; i < MANY_LANES; i++)
		many.targets[i].breaks = true;
	assert_true(consumer_step(many.consumer, many.now));
	assert_int_equal(many.consumer->breaker.failures, 1);
	/* One that breaks again by itself is another. */
	many_run(&many, 5 * SEC);
	many.targets[2].breaks = true;
	many.consumer->breaker.failures = 0;
	assert_true(consumer_step(many.consumer, many.now));
	assert_int_equal(many.consumer->breaker.failures, 1);
	many_grow(&many, 10);
	many_run(&many, 30 * SEC);
	assert_true(many_all_applied(&many));
	many_close(&many);
}

/* What is stuck in one connection holds up its own partitions alone. */
static void
others_go_on(void **state)
{
	Many many;
	int64_t stuck = 0;

	(void) state;
	many_open(&many, 1);
	many_tell(&many, INBOX_ASSIGNED, 0, MANY_PARTITIONS);
	many_run(&many, SEC / 10);
	many.targets[1].delay_usec = 100 * SEC;
	many_grow(&many, 500);
	many_run(&many, 60 * SEC);
	for (int slot = 0; slot < MANY_PARTITIONS; slot++)
	{
		const Partition *mine = &many.consumer->partitions.items[slot];
		const ManyPartition *partition = &many.partitions[mine->partition];

		assert_int_equal(partition->paused, mine->lane == 1);
		if (mine->lane == 1)
			stuck += partition->applied;
		else
			assert_int_equal(partition->applied, 500);
	}
	assert_int_equal(stuck, 0);
	many.targets[1].delay_usec = 0;
	many_run(&many, 60 * SEC);
	assert_true(many_all_applied(&many));
	for (int i = 0; i < MANY_PARTITIONS; i++)
		assert_false(many.partitions[i].paused);
	many_close(&many);
}

/* A pause that fails leaves its partitions giving records: they aren't asked for then. */
static void
what_cant_be_paused_isnt_read(void **state)
{
	Many many;

	(void) state;
	many_open(&many, 1);
	many_tell(&many, INBOX_ASSIGNED, 0, MANY_PARTITIONS);
	many_run(&many, SEC / 10);
	many.pauses_fail = true;
	many.outcome = fail_all;
	many_grow(&many, 1000);
	many_run(&many, 20 * SEC);
	assert_int_equal(many.consumer->breaker.state, BREAKER_OPEN);
	for (int i = 0; i < MANY_LANES; i++)
	{
		assert_true(many.consumer->lanes[i].paused);
		assert_in_range(many.consumer->lanes[i].filling->count, 0, many.config.batch_records);
	}
	many.pauses_fail = false;
	many.outcome = NULL;
	many_run(&many, 200 * SEC);
	assert_true(many_all_applied(&many));
	many_close(&many);
}

/* With the lag, as far as the target is quick; each connection by itself. */
static void
transactions_grow_and_shrink(void **state)
{
	Many many;

	(void) state;
	many_open_with(&many, 1, 4000);
	many_tell(&many, INBOX_ASSIGNED, 0, MANY_PARTITIONS);
	many_run(&many, SEC / 10);
	many_grow(&many, 20);
	many_run(&many, SEC);
	/* Little is waiting: little is taken. */
	assert_in_range(many.largest, 1, 60);
	for (int i = 0; i < MANY_LANES; i++)
		many.targets[i].delay_usec = SEC / 10;
	many_grow(&many, 100000);
	many_run(&many, 3 * SEC);
	for (int i = 0; i < MANY_LANES; i++)
		assert_in_range(many.targets[i].records, 2000, 4000);
	many.targets[1].delay_usec = 3 * SEC / 2;
	many_run(&many, 20 * SEC);
	assert_in_range(many.targets[1].records, 1, 200);
	many.targets[1].delay_usec = SEC / 10;
	for (int i = 0; i < 200 && many.targets[1].records < 2000; i++)
		many_run(&many, SEC / 10);
	assert_in_range(many.targets[1].records, 2000, 4000);
	many_run(&many, 120 * SEC);
	assert_true(many_all_applied(&many));
	many_close(&many);
}

static void
what_is_revoked_waits_for_all(void **state)
{
	Many many;
	int64_t before;

	(void) state;
	many_open(&many, 1);
	many_tell(&many, INBOX_ASSIGNED, 0, MANY_PARTITIONS);
	many_run(&many, SEC / 10);
	for (int i = 0; i < MANY_LANES; i++)
		many.targets[i].delay_usec = (i + 1) * SEC;
	many_grow(&many, 300);
	many_run(&many, SEC / 10);
	assert_int_equal(many_busy(&many), MANY_LANES);
	many_tell(&many, INBOX_REVOKED, 0, 6);
	many_run(&many, 3 * SEC);
	assert_int_equal(many.finished, 0);
	many_run(&many, 2 * SEC);
	assert_int_equal(many.finished, 6);
	before = many.partitions[0].applied;
	for (int i = 0; i < MANY_LANES; i++)
		many.targets[i].delay_usec = 0;
	many_run(&many, 10 * SEC);
	assert_int_equal(many.partitions[0].applied, before);
	for (int i = 6; i < MANY_PARTITIONS; i++)
		assert_int_equal(many.partitions[i].applied, 300);
	/* And back, to whoever has the fewest then. */
	many_tell(&many, INBOX_ASSIGNED, 0, 6);
	many_run(&many, 10 * SEC);
	assert_true(many_all_applied(&many));
	many_close(&many);
}

/*
 * A partition comes back while the connection that had it is asking for its progress, and goes to
 * another one, which asks as well.  The two may be of different servers.
 */
static void
what_another_connection_reads_is_not_its_own(void **state)
{
	Many many;
	Consumer *consumer;
	Partition *partition;

	(void) state;
	many_open(&many, 1);
	many_tell(&many, INBOX_ASSIGNED, 0, 2);
	many_run(&many, SEC / 10);
	consumer = many.consumer;
	partition = &consumer->partitions.items[partitions_find(&consumer->partitions, "t", 1)];
	assert_int_equal(partition->lane, 1);
	partition->stale = partition->reading = true;
	partition->found = false;
	many.partitions[1].applied = 7;
	many.targets[0].moves[0] = many.targets[1].moves[0] =
		(TargetMove){.topic = "t", .partition = 1};
	many.targets[0].move_count = many.targets[1].move_count = 1;
	consumer_take_progress(&consumer->lanes[0]);
	assert_true(partition->reading);
	assert_false(partition->found);
	consumer_take_progress(&consumer->lanes[1]);
	assert_false(partition->reading);
	assert_int_equal(partition->next_offset, 7);
	many_close(&many);
}

/* -------------------------------------------------------------------------
 * dead letters
 * ------------------------------------------------------------------------- */

typedef struct FakeSink
{
	LetterSink base;
	bool pending;
	unsigned steps; /* until it is stored */
	int64_t stored;
} FakeSink;

static bool
fake_send(LetterSink *base, const Letter *letter, LetterReport *report)
{
	FakeSink *sink = (FakeSink *) base;

	(void) letter, (void) report;
	assert_false(sink->pending);
	sink->pending = true;
	sink->steps = 3;
	return true;
}

static LetterOutcome
fake_sink_step(LetterSink *base, LetterReport *report)
{
	FakeSink *sink = (FakeSink *) base;

	memset(report, 0, sizeof(*report));
	assert_true(sink->pending);
	if (--sink->steps > 0)
		return LETTER_PENDING;
	sink->pending = false;
	report->outcome = LETTER_STORED;
	report->offset = sink->stored++;
	return LETTER_STORED;
}

static const char *
fake_topic(const LetterSink *base)
{
	(void) base;
	return "dead";
}

static const LetterSinkClass fake_sink_class = {
	.send = fake_send, .step = fake_sink_step, .topic = fake_topic};

/* The sink takes one at a time; each connection waits for its own, and comes to its turn. */
static void
letters_of_several_connections(void **state)
{
	FakeSink sink = {.base.methods = &fake_sink_class};
	Many many;

	(void) state;
	many_open(&many, 1);
	consumer_set_letters(many.consumer, &sink.base);
	many.bad_every = 50;
	many_tell(&many, INBOX_ASSIGNED, 0, MANY_PARTITIONS);
	many_grow(&many, 200);
	many_run(&many, 120 * SEC);
	assert_true(many_all_applied(&many));
	assert_int_equal(sink.stored, MANY_PARTITIONS * 4);
	assert_int_equal(many.consumer->stats.applied, MANY_PARTITIONS * 196);
	assert_int_equal(many.consumer->dead_lettered[0] + many.consumer->dead_lettered[1],
					 MANY_PARTITIONS * 4);
	assert_int_equal(many.most_busy, MANY_LANES);
	many_close(&many);
}

/* -------------------------------------------------------------------------
 * whatever happens
 * ------------------------------------------------------------------------- */

static ManyOutcome
at_random(Many *many, const ManyTarget *target)
{
	uint64_t dice = random_below(&many->random, 100);

	if (target->request != REQUEST_APPLY)
		return dice < 5 ? MANY_LOST : MANY_DONE;
	if (dice < 4)
		return MANY_FAILED;
	if (dice < 8)
		return MANY_TRANSIENT;
	if (dice < 11)
		return MANY_LOST;
	return dice < 14 ? MANY_SILENT : MANY_DONE;
}

static void
happen(Many *many)
{
	uint64_t dice = random_below(&many->random, 100);
	int number = (int) (random_below(&many->random, MANY_PARTITIONS));
	ManyTarget *target = &many->targets[random_below(&many->random, MANY_LANES)];

	if (dice < 40)
		many->partitions[number].end += (int64_t) (random_below(&many->random, 200));
	else if (dice < 60)
		target->delay_usec = (int64_t) (random_below(&many->random, SEC));
	else if (dice < 65)
		target->breaks = true;
	else if (dice < 80 && many->told == INBOX_RECORD && !many->partitions[number].going)
		many_tell(many, many->partitions[number].owned ? INBOX_REVOKED : INBOX_ASSIGNED, number, 1);
}

static void
whatever_happens_nothing_is_lost_or_applied_twice(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 60; seed++)
	{
		Many many;

		many_open(&many, seed);
		many.consumer->breaker.config.reset_usec = SEC;
		many_tell(&many, INBOX_ASSIGNED, 0, MANY_PARTITIONS);
		many.outcome = at_random;
		for (int i = 0; i < 300; i++)
		{
			many_run(&many, 100 * USEC_PER_MS);
			happen(&many);
		}
		many.outcome = NULL;
		for (int i = 0; i < MANY_LANES; i++)
		{
			many.targets[i].breaks = false;
			many.targets[i].delay_usec = 0;
		}
		many_run(&many, 10 * SEC);
		for (int i = 0; i < MANY_PARTITIONS; i++)
		{
			if (many.partitions[i].owned)
				continue;
			many_tell(&many, INBOX_ASSIGNED, i, 1);
			many_run(&many, 100 * USEC_PER_MS);
		}
		many_run(&many, 30 * SEC);
		if (!many_all_applied(&many))
			fail_msg("seed %llu: something isn't applied", (unsigned long long) seed);
		many_close(&many);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_as_many),
		cmocka_unit_test(who_has_no_partition_isnt_connected),
		cmocka_unit_test(one_breaker_for_all),
		cmocka_unit_test(connections_that_break_together_are_one_failure),
		cmocka_unit_test(others_go_on),
		cmocka_unit_test(what_cant_be_paused_isnt_read),
		cmocka_unit_test(transactions_grow_and_shrink),
		cmocka_unit_test(what_is_revoked_waits_for_all),
		cmocka_unit_test(what_another_connection_reads_is_not_its_own),
		cmocka_unit_test(letters_of_several_connections),
		cmocka_unit_test(whatever_happens_nothing_is_lost_or_applied_twice),
	};

	return cmocka_run_group_tests_name("consumer_lanes", tests, NULL, NULL);
}
