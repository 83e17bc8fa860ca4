/*
 * test_fault.c
 *	  Faults over a stage that notes what is done to it.
 */
#include "unit.h"

#include "fault.h"

static struct
{
	char log[1024];
	ProxyToxics links[LINK_COUNT];
	int resets[LINK_COUNT];
	bool crash_fails;
	bool serves;
} stage;

static void
note(const char *what, const char *where)
{
	size_t len = strlen(stage.log);

	snprintf(stage.log + len, sizeof(stage.log) - len, "%s %s;", what, where);
}

bool
stage_has(const Stage *unused, Part part)
{
	(void) unused;
	return part != PART_RELAY;
}

bool
stage_crash(Stage *unused, Part part, Error *error)
{
	(void) unused;
	note("crash", part_name(part));
	return !stage.crash_fails || error_bug(error, "as was asked for");
}

bool
stage_restart(Stage *unused, Part part, Error *error)
{
	(void) unused;
	(void) error;
	note("restart", part_name(part));
	return true;
}

bool
stage_serves(Stage *unused, Part part, bool *serves, Error *error)
{
	(void) unused;
	(void) part;
	(void) error;
	*serves = stage.serves;
	return true;
}

void
stage_pause(Stage *unused, Part part)
{
	(void) unused;
	note("pause", part_name(part));
}

void
stage_resume(Stage *unused, Part part)
{
	(void) unused;
	note("resume", part_name(part));
}

void
stage_set_link(Stage *unused, Link link, const ProxyToxics *toxics)
{
	(void) unused;
	stage.links[link] = *toxics;
}

void
stage_reset_link(Stage *unused, Link link)
{
	(void) unused;
	stage.resets[link]++;
}

bool
stage_fill_disk(Stage *unused, Error *error)
{
	(void) unused;
	(void) error;
	note("fill", "disk");
	return true;
}

bool
stage_empty_disk(Stage *unused, Error *error)
{
	(void) unused;
	(void) error;
	note("empty", "disk");
	return true;
}

bool
stage_take_connections(Stage *unused, Error *error)
{
	(void) unused;
	(void) error;
	note("take", "connections");
	return true;
}

void
stage_give_connections(Stage *unused)
{
	(void) unused;
	note("give", "connections");
}

static Faults faults;

/* Of a scenario of 100 s that has these lines; it starts at 0. */
static void
begin(const char *lines)
{
	static Scenario scenario;
	char text[1024];
	Error error;

	memset(&stage, 0, sizeof(stage));
	stage.serves = true;
	snprintf(text, sizeof(text), "title = T\nduration = 100s\n%s", lines);
	assert_true(scenario_parse(&scenario, "x", text, strlen(text), &error));
	faults_init(&faults, NULL, &scenario, 0);
}

static void
turn_at(int64_t second)
{
	Error error;

	assert_true(faults_turn(&faults, second * USEC_PER_SEC, &error));
}

static void
did(const char *expected)
{
	assert_string_equal(stage.log, expected);
	stage.log[0] = '\0';
}

static void
a_crash(void **state)
{
	(void) state;
	begin("at 10s crash target until 20s\n");
	turn_at(9);
	did("");
	assert_int_equal(faults_active(&faults), 0);
	assert_false(faults_due(&faults, 9 * USEC_PER_SEC));
	assert_true(faults_due(&faults, 10 * USEC_PER_SEC));
	turn_at(10);
	did("crash target;");
	assert_int_equal(faults_part(&faults, PART_TARGET), PART_DOWN);
	assert_int_equal(faults_part(&faults, PART_SOURCE), PART_UP);
	assert_true(faults_hide(&faults, PART_TARGET));
	turn_at(15);
	did("");
	/* Started again isn't over: it has to serve. */
	stage.serves = false;
	turn_at(20);
	did("restart target;");
	turn_at(21);
	did("");
	assert_int_equal(faults_part(&faults, PART_TARGET), PART_STARTING);
	assert_int_equal(faults_active(&faults), 1);
	assert_false(faults_over(&faults));
	assert_int_equal(faults_last_over(&faults), 0);
	stage.serves = true;
	turn_at(22);
	did("");
	assert_true(faults_over(&faults));
	assert_int_equal(faults_active(&faults), 0);
	assert_true(faults_last_over(&faults) > 0);
	assert_true(faults.all[0].until >= faults.all[0].from);
}

static void
other_kinds(void **state)
{
	(void) state;
	begin("at 10s pause source until 20s\nat 11s disk-full target until 20s\n"
		  "at 21s connections target until 30s\n");
	turn_at(10);
	did("pause source;");
	assert_int_equal(faults_part(&faults, PART_SOURCE), PART_PAUSED);
	turn_at(11);
	did("fill disk;");
	/* Whose disk is full can be asked. */
	assert_int_equal(faults_part(&faults, PART_TARGET), PART_ILL);
	assert_false(faults_hide(&faults, PART_TARGET));
	turn_at(20);
	did("resume source;empty disk;");
	turn_at(21);
	did("take connections;");
	assert_true(faults_hide(&faults, PART_TARGET));
	turn_at(30);
	did("give connections;");
	assert_true(faults_over(&faults));
}

static void
links(void **state)
{
	(void) state;
	begin("at 10s latency target 30ms jitter 5ms until 30s\n"
		  "at 20s blackhole app-target until 40s\nat 50s reset source until 60s\n");
	turn_at(10);
	assert_int_equal(stage.links[LINK_APP_TARGET].latency_usec, 30 * USEC_PER_MS);
	assert_int_equal(stage.links[LINK_CONSUMER_TARGET].jitter_usec, 5 * USEC_PER_MS);
	assert_int_equal(stage.links[LINK_APP_SOURCE].latency_usec, 0);
	assert_int_equal(faults_part(&faults, PART_TARGET), PART_UP);
	turn_at(20);
	assert_true(stage.links[LINK_APP_TARGET].blackhole);
	assert_int_equal(stage.links[LINK_APP_TARGET].latency_usec, 30 * USEC_PER_MS);
	assert_false(stage.links[LINK_CONSUMER_TARGET].blackhole);
	turn_at(30);
	assert_true(stage.links[LINK_APP_TARGET].blackhole);
	assert_int_equal(stage.links[LINK_APP_TARGET].latency_usec, 0);
	turn_at(40);
	assert_false(stage.links[LINK_APP_TARGET].blackhole);
	turn_at(50);
	assert_int_equal(stage.resets[LINK_APP_SOURCE], 1);
	assert_int_equal(stage.resets[LINK_APP_TARGET], 0);
	/* Again and again, as long as it lasts. */
	faults.all[2].next_reset = 51 * USEC_PER_SEC;
	turn_at(51);
	assert_int_equal(stage.resets[LINK_RELAY_SOURCE], 2);
	turn_at(60);
	assert_true(faults_over(&faults));
	assert_int_equal(stage.resets[LINK_APP_SOURCE], 2);
}

/* What is broken is mended, what is planned never comes. */
static void
an_early_end(void **state)
{
	Error error;

	(void) state;
	begin("at 10s crash target until 90s\nat 10s refuse source until 90s\n"
		  "at 50s crash app until 90s\n");
	turn_at(10);
	did("crash target;");
	assert_true(stage.links[LINK_APP_SOURCE].refuse);
	assert_true(faults_end(&faults, &error));
	did("restart target;");
	assert_false(stage.links[LINK_APP_SOURCE].refuse);
	assert_true(faults_over(&faults));
	assert_int_equal(faults.all[2].from, 0);
}

/* Nobody knows how far it came: it is mended as if it had worked. */
static void
a_crash_that_fails(void **state)
{
	Error error;

	(void) state;
	begin("at 10s crash target until 90s\n");
	stage.crash_fails = true;
	assert_false(faults_turn(&faults, 10 * USEC_PER_SEC, &error));
	did("crash target;");
	assert_true(faults_end(&faults, &error));
	did("restart target;");
}

static void
by_hand(void **state)
{
	(void) state;
	begin("");
	assert_false(faults_add_crash(&faults, PART_RELAY, 5)); /* it isn't there */
	assert_false(faults_end_crash(&faults, PART_APP, 5));
	assert_true(faults_add_crash(&faults, PART_APP, 5 * USEC_PER_SEC));
	turn_at(5);
	did("crash app;");
	assert_false(faults_add_crash(&faults, PART_APP, 6 * USEC_PER_SEC)); /* it is down */
	turn_at(5000);
	did("");
	assert_true(faults_end_crash(&faults, PART_APP, 5001 * USEC_PER_SEC));
	turn_at(5001);
	did("restart app;");
	assert_true(faults_over(&faults));
	assert_string_equal(faults.all[0].plan.text, "crash app, by hand");
}

/* What is planned for a part that was crashed by hand waits, and never comes when its time passes. */
static void
by_hand_before_the_plan(void **state)
{
	(void) state;
	begin("at 10s crash target until 20s\nat 30s pause target until 40s\n"
		  "at 10s reset target until 20s\nat 60s crash target until 70s\n");
	assert_true(faults_add_crash(&faults, PART_TARGET, 5 * USEC_PER_SEC));
	turn_at(5);
	did("crash target;");
	turn_at(10);
	did("");
	assert_int_equal(stage.resets[LINK_APP_TARGET], 1); /* a link is there all the same */
	assert_false(faults_due(&faults, 11 * USEC_PER_SEC));
	turn_at(20);
	turn_at(30);
	turn_at(40);
	did("");
	assert_int_equal(faults.all[0].from, 0);
	assert_int_equal(faults.all[1].from, 0);
	/* Back within its time: then it comes. */
	turn_at(60);
	assert_true(faults_end_crash(&faults, PART_TARGET, 65 * USEC_PER_SEC));
	turn_at(65);
	turn_at(66);
	did("restart target;crash target;");
	turn_at(70);
	did("restart target;");
	assert_true(faults_over(&faults));
}

/* The second one comes when the part is back from the first. */
static void
crash_upon_crash(void **state)
{
	(void) state;
	begin("at 10s crash target until 20s\nat 20s crash target until 90s\n");
	turn_at(10);
	stage.serves = false;
	turn_at(20);
	turn_at(21);
	did("crash target;restart target;");
	stage.serves = true;
	turn_at(22);
	turn_at(23);
	did("crash target;");
	turn_at(90);
	did("restart target;");
	assert_true(faults_over(&faults));
	assert_true(faults.all[1].from >= faults.all[0].until);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash),
		cmocka_unit_test(other_kinds),
		cmocka_unit_test(links),
		cmocka_unit_test(an_early_end),
		cmocka_unit_test(a_crash_that_fails),
		cmocka_unit_test(by_hand),
		cmocka_unit_test(by_hand_before_the_plan),
		cmocka_unit_test(crash_upon_crash),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
