/*
 * test_pg_registry.c
 *	  The ordinary connection to a server that takes statements and then says nothing more.
 */
#include "serving.h"

#include "pg_registry.h"

#define ANSWER_USEC (60 * USEC_PER_SEC)

/* Until the server has a message, which is dropped. */
static void
hear(const Server *server, PgRegistry *registry)
{
	RegistryReply reply;
	Error error;

	error_clear(&error);
	while (!server_can_read(server))
		assert_int_equal(registry_next(registry, clock_mono(), &reply, &error), IO_AGAIN);
	server_read(server);
}

/* The session is set up. */
static PgRegistry *
connect_to(Server *server)
{
	static const char *const setup[] = {"local"};
	char conninfo[CONNINFO_SIZE];
	RelayConfig config = {.conninfo = conninfo,
						  .slot = "outbox_relay",
						  .publication = "outbox",
						  .registration_locked = true};
	PgRegistry *registry;
	Error error;

	error_clear(&error);
	server_open(server, conninfo);
	registry = registry_open(&config, clock_mono(), &error);
	assert_non_null(registry);
	server_accept(server);
	hear(server, registry);
	say_welcome(server);
	hear(server, registry);
	say_message(server, '1', "", 0);
	say_message(server, '2', "", 0);
	say_row(server, setup, 1);
	return registry;
}

static void
expect_to_be_given_up(Server *server, PgRegistry *registry)
{
	MonoUsec now = clock_mono();
	RegistryReply reply;
	Error error;

	error_clear(&error);
	hear(server, registry);
	assert_int_equal(registry_next(registry, now, &reply, &error), IO_AGAIN);
	assert_true(registry_wake_at(registry) <= clock_mono() + ANSWER_USEC);
	now = registry_wake_at(registry);
	assert_int_equal(registry_next(registry, now - 1, &reply, &error), IO_AGAIN);
	assert_int_equal(registry_next(registry, now, &reply, &error), IO_FAILED);
	assert_int_equal(error.error_class, ERROR_CLASS_TRANSIENT);
	assert_string_equal(error.message, "the server doesn't answer a statement");
	registry_free(registry);
	server_close(server);
}

static void
gives_up_a_server_that_does_not_answer_a_statement(void **state)
{
	PgRegistry *registry;
	Server server;

	(void) state;
	registry = connect_to(&server);
	assert_true(registry_look_at_slot(registry));
	expect_to_be_given_up(&server, registry);
}

static void
gives_up_a_server_that_does_not_send_rows(void **state)
{
	PgRegistry *registry;
	Server server;

	(void) state;
	registry = connect_to(&server);
	assert_true(registry_read_leaf(registry, 0, 0, 0, 64));
	expect_to_be_given_up(&server, registry);
}

/* A large one takes its time. */
static void
waits_while_something_comes(void **state)
{
	PgRegistry *registry;
	RegistryReply reply;
	Server server;
	Error error;

	(void) state;
	error_clear(&error);
	registry = connect_to(&server);
	assert_true(registry_read_leaf(registry, 0, 0, 0, 64));
	hear(&server, registry);
	assert_int_equal(registry_next(registry, clock_mono(), &reply, &error), IO_AGAIN);
	say_message(&server, '1', "", 0);
	assert_int_equal(registry_next(registry, registry_wake_at(registry), &reply, &error), IO_AGAIN);
	assert_int_equal(registry_next(registry, registry_wake_at(registry), &reply, &error),
					 IO_FAILED);
	registry_free(registry);
	server_close(&server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_up_a_server_that_does_not_answer_a_statement),
		cmocka_unit_test(gives_up_a_server_that_does_not_send_rows),
		cmocka_unit_test(waits_while_something_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
