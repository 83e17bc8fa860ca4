/*
 * test_pg_source.c
 *	  The replication connection to a server that takes commands and then says nothing more.
 *
 * The server is the test: a socket of which it reads, and answers as much as it wants to.
 */
#include "unit.h"

#include "pg_source.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_USEC (60 * USEC_PER_SEC)
#define SLOT "outbox_relay"
#define MESSAGE_MAX 1024

typedef struct Server
{
	int listener;
	int fd;
	PgSource *source;
} Server;

/* -------------------------------------------------------------------------
 * what the server says
 * -------------------------------------------------------------------------
 */

static void
say(const Server *server, const void *bytes, size_t len)
{
	assert_int_equal(write(server->fd, bytes, len), len);
}

static size_t
put_u16(char *out, unsigned value)
{
	out[0] = (char) (value >> 8);
	out[1] = (char) value;
	return 2;
}

static size_t
put_u32(char *out, uint32_t value)
{
	(void) put_u16(out, value >> 16);
	(void) put_u16(out + 2, value & 0xffff);
	return 4;
}

static void
say_message(const Server *server, char type, const char *body, size_t len)
{
	char head[5] = {type};

	(void) put_u32(head + 1, (uint32_t) len + 4);
	say(server, head, sizeof(head));
	say(server, body, len);
}

/* One row of text columns, and that the server is ready for the next command. */
static void
say_row(const Server *server, const char *const *values, unsigned count)
{
	static const char rest_of_column[18] = {[9] = 25, [10] = (char) 0xff, [11] = (char) 0xff};
	char body[MESSAGE_MAX];
	size_t len = put_u16(body, count);

	for (unsigned i = 0; i < count; i++)
	{
		memcpy(body + len, "c", 2);
		memcpy(body + len + 2, rest_of_column, sizeof(rest_of_column));
		len += 2 + sizeof(rest_of_column);
	}
	say_message(server, 'T', body, len);
	len = put_u16(body, count);
	for (unsigned i = 0; i < count; i++)
	{
		len += put_u32(body + len, (uint32_t) strlen(values[i]));
		memcpy(body + len, values[i], strlen(values[i]));
		len += strlen(values[i]);
	}
	say_message(server, 'D', body, len);
	say_message(server, 'C', "SELECT 1", 9);
	say_message(server, 'Z', "I", 1);
}

static bool
can_read(const Server *server)
{
	struct pollfd ready = {server->fd, POLLIN, 0};

	return poll(&ready, 1, 1) == 1;
}

/* -------------------------------------------------------------------------
 * a connection up to some command
 * -------------------------------------------------------------------------
 */

static void
open_server(Server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);
	char conninfo[160];
	Error error;

	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *) &address, len), 0);
	assert_int_equal(listen(server->listener, 1), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *) &address, &len), 0);
	snprintf(conninfo, sizeof(conninfo),
			 "hostaddr=127.0.0.1 port=%u user=u dbname=d sslmode=disable gssencmode=disable",
			 (unsigned) ntohs(address.sin_port));
	error_clear(&error);
	server->source = pg_source_open(conninfo, SLOT, "outbox", 0, clock_mono(), &error);
	assert_non_null(server->source);
	server->fd = accept(server->listener, NULL, NULL);
	assert_true(server->fd >= 0);
}

static void
close_server(Server *server)
{
	pg_source_free(server->source);
	close(server->fd);
	close(server->listener);
}

/* Until the server has a message, which is dropped. */
static void
hear(const Server *server)
{
	char message[MESSAGE_MAX];
	Error error;

	error_clear(&error);
	while (!can_read(server))
		assert_int_equal(pg_source_advance(server->source, clock_mono(), &error), IO_AGAIN);
	assert_true(read(server->fd, message, sizeof(message)) > 0);
}

/* The server hears the first command. */
static void
connect_to(Server *server)
{
	open_server(server);
	hear(server);
	say_message(server, 'R', "\0\0\0", 4);
	say_message(server, 'Z', "I", 1);
	hear(server);
}

static void
expect_to_be_given_up(const Server *server)
{
	MonoUsec now = clock_mono();
	Error error;

	error_clear(&error);
	assert_int_equal(pg_source_advance(server->source, now, &error), IO_AGAIN);
	assert_int_equal(pg_source_advance(server->source, now + ANSWER_USEC / 2, &error), IO_AGAIN);
	assert_int_equal(pg_source_advance(server->source, now + ANSWER_USEC, &error), IO_FAILED);
	assert_int_equal(error.error_class, ERROR_CLASS_TRANSIENT);
	assert_string_equal(error.message, "the walsender doesn't answer a command");
}

/* -------------------------------------------------------------------------
 * tests
 * -------------------------------------------------------------------------
 */

static const char *const started[] = {"2026-01-01 00:00:00+00"};
static const char *const identity[] = {"7000000000000000000", "1", "0/3000000", "d"};

static void
gives_up_a_server_that_does_not_say_who_it_is(void **state)
{
	Server server;

	(void) state;
	connect_to(&server);
	expect_to_be_given_up(&server);
	close_server(&server);

	connect_to(&server);
	say_row(&server, started, 1);
	hear(&server);
	expect_to_be_given_up(&server);
	close_server(&server);
}

static void
gives_up_a_server_that_does_not_begin_to_stream(void **state)
{
	Server server;
	Error error;
	IoResult io;

	(void) state;
	error_clear(&error);
	connect_to(&server);
	say_row(&server, started, 1);
	hear(&server);
	say_row(&server, identity, 4);
	do
		io = pg_source_advance(server.source, clock_mono(), &error);
	while (io == IO_AGAIN);
	assert_int_equal(io, IO_OK);
	assert_int_equal(pg_source_identity(server.source)->timeline, 1);
	assert_true(pg_source_start(server.source, 0x3000000, &error));
	hear(&server);
	expect_to_be_given_up(&server);
	close_server(&server);
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
