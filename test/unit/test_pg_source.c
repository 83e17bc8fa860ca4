/*
 * test_pg_source.c
 *	  The replication connection to a server that takes commands and then says nothing more.
 */
#include "serving.h"

#include "pg_source.h"

#define ANSWER_USEC (60 * USEC_PER_SEC)

/* Until the server has a message, which is dropped. */
static void
hear(const Server *server, PgSource *source)
{
	Error error;

	error_clear(&error);
	while (!server_can_read(server))
		assert_int_equal(pg_source_advance(source, clock_mono(), &error), IO_AGAIN);
	server_read(server);
}

/* The server hears the first command. */
static PgSource *
connect_to(Server *server)
{
	char conninfo[CONNINFO_SIZE];
	PgSource *source;
	Error error;

	error_clear(&error);
	server_open(server, conninfo);
	source = pg_source_open(conninfo, "outbox_relay", "outbox", 0, clock_mono(), &error);
	assert_non_null(source);
	server_accept(server);
	hear(server, source);
	say_welcome(server);
	hear(server, source);
	return source;
}

static void
expect_to_be_given_up(Server *server, PgSource *source)
{
	MonoUsec now = clock_mono();
	Error error;

	error_clear(&error);
	assert_int_equal(pg_source_advance(source, now, &error), IO_AGAIN);
	assert_int_equal(pg_source_advance(source, now + ANSWER_USEC / 2, &error), IO_AGAIN);
	assert_int_equal(pg_source_advance(source, now + ANSWER_USEC, &error), IO_FAILED);
	assert_int_equal(error.error_class, ERROR_CLASS_TRANSIENT);
	assert_string_equal(error.message, "the walsender doesn't answer a command");
	pg_source_free(source);
	server_close(server);
}

static const char *const started[] = {"2026-01-01 00:00:00+00"};
static const char *const identity[] = {"7000000000000000000", "1", "0/3000000", "d"};

static void
gives_up_a_server_that_does_not_say_who_it_is(void **state)
{
	Server server;
	PgSource *source;

	(void) state;
	source = connect_to(&server);
	expect_to_be_given_up(&server, source);

	source = connect_to(&server);
	say_row(&server, started, 1);
	hear(&server, source);
	expect_to_be_given_up(&server, source);
}

static void
gives_up_a_server_that_does_not_begin_to_stream(void **state)
{
	Server server;
	PgSource *source;
	Error error;
	IoResult io;

	(void) state;
	error_clear(&error);
	source = connect_to(&server);
	say_row(&server, started, 1);
	hear(&server, source);
	say_row(&server, identity, 4);
	do
		io = pg_source_advance(source, clock_mono(), &error);
	while (io == IO_AGAIN);
	assert_int_equal(io, IO_OK);
	assert_int_equal(pg_source_identity(source)->timeline, 1);
	assert_true(pg_source_start(source, 0x3000000, &error));
	hear(&server, source);
	expect_to_be_given_up(&server, source);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_up_a_server_that_does_not_say_who_it_is),
		cmocka_unit_test(gives_up_a_server_that_does_not_begin_to_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
