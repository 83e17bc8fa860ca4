/*
 * serving.h
 *	  A server of PostgreSQL that a test plays: it reads what comes, and answers as much as the
 *	  test wants.
 */
#ifndef OUTBOX_TEST_SERVING_H
#define OUTBOX_TEST_SERVING_H

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX 1024
#define CONNINFO_SIZE 160

typedef struct Server
{
	int listener;
	int fd;
} Server;

/* And how to connect to it. */
static inline void
server_open(Server *server, char conninfo[CONNINFO_SIZE])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);

	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *) &address, len), 0);
	assert_int_equal(listen(server->listener, 1), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *) &address, &len), 0);
	snprintf(conninfo, CONNINFO_SIZE,
			 "hostaddr=127.0.0.1 port=%u user=u dbname=d sslmode=disable gssencmode=disable",
			 (unsigned) ntohs(address.sin_port));
}

/* Somebody connects just now. */
static inline void
server_accept(Server *server)
{
	server->fd = accept(server->listener, NULL, NULL);
	assert_true(server->fd >= 0);
}

static inline void
server_close(Server *server)
{
	close(server->fd);
	close(server->listener);
}

static inline bool
server_can_read(const Server *server)
{
	struct pollfd ready = {server->fd, POLLIN, 0};

	return poll(&ready, 1, 1) == 1;
}

/* What it reads is dropped. */
static inline void
server_read(const Server *server)
{
	char message[MESSAGE_MAX];

	assert_true(read(server->fd, message, sizeof(message)) > 0);
}

static inline void
say(const Server *server, const void *bytes, size_t len)
{
	assert_int_equal(write(server->fd, bytes, len), len);
}

static inline size_t
put_u16(char *out, unsigned value)
{
	out[0] = (char) (value >> 8);
	out[1] = (char) value;
	return 2;
}

static inline size_t
put_u32(char *out, uint32_t value)
{
	(void) put_u16(out, value >> 16);
	(void) put_u16(out + 2, value & 0xffff);
	return 4;
}

static inline void
say_message(const Server *server, char type, const char *body, size_t len)
{
	char head[5] = {type};

	(void) put_u32(head + 1, (uint32_t) len + 4);
	say(server, head, sizeof(head));
	say(server, body, len);
}

/* One row of text columns, and that the server is ready for the next command. */
static inline void
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

static inline void
say_ready(const Server *server)
{
	say_message(server, 'Z', "I", 1);
}

/* It knows who connects. */
static inline void
say_welcome(const Server *server)
{
	say_message(server, 'R', "\0\0\0", 4);
	say_ready(server);
}

#endif
