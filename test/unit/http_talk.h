/*
 * http_talk.h
 *	  For the tests of the HTTP server: some pages, and a socket client that lets the server
 *	  go on like a program's loop does, in the same thread.
 */
#ifndef OUTBOX_TEST_HTTP_TALK_H
#define OUTBOX_TEST_HTTP_TALK_H

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "exit_codes.h"
#include "http.h"

#define ANSWER_MAX (8 * 1024 * 1024)
#define PATIENCE (20 * USEC_PER_SEC)

static char answer[ANSWER_MAX + 1];
static size_t answer_len;
static int calls;
static char last_method[16];
static char last_path[256];
static in_addr_t client_address; /* of the server's machine; 0: 127.0.0.1 */

static inline bool
handle(const char *method, const char *path, HttpResponse *response, void *arg)
{
	calls++;
	snprintf(last_method, sizeof(last_method), "%s", method);
	snprintf(last_path, sizeof(last_path), "%s", path);
	assert_string_equal(arg, "argument");
	if (strcmp(path, "/healthz") == 0)
		buffer_append_str(&response->body, "ok\n");
	else if (strcmp(path, "/status") == 0)
	{
		response->content_type = "application/json";
		buffer_append_str(&response->body, "{}");
	}
	else if (strcmp(path, "/readyz") == 0)
	{
		response->status = 503;
		buffer_append_str(&response->body, "not ready\n");
	}
	else if (strcmp(path, "/large") == 0)
	{
		for (int i = 0; i < 100000; i++)
			buffer_printf(&response->body, "%09d\n", i);
	}
	else if (strcmp(path, "/too-large") == 0)
	{
		response->body.limit = 10;
		buffer_append_str(&response->body, "more than ten bytes");
	}
	else if (strcmp(path, "/empty") != 0)
		return false;
	return true;
}

static inline HttpServer *
start(const char *listen_at)
{
	Error error;
	HttpServer *server = http_start(listen_at, handle, (void *) "argument", &error);

	if (server == NULL)
		fail_msg("%s", error.message);
	calls = 0;
	return server;
}

static inline int
connect_to(HttpServer *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_port = htons((uint16_t) http_port(server)),
								  .sin_addr.s_addr = client_address != 0 ? client_address
																		 : htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

/* What is left to send, and how often the server was run. */
typedef struct Talk
{
	const char *request;
	size_t left;
	int rounds;
} Talk;

/* One turn of a program's loop: wait for the server or the client, let both go on. */
static inline bool
turn(HttpServer *server, int fd, Talk *talk, MonoUsec deadline)
{
	struct pollfd fds[2] = {{http_fd(server), POLLIN, 0},
							{fd, (short) (talk->left > 0 ? POLLIN | POLLOUT : POLLIN), 0}};
	MonoUsec now = clock_mono();
	MonoUsec wake_at = http_wake_at(server, now);
	ssize_t got;

	assert_true(now < deadline);
	if (wake_at > deadline)
		wake_at = deadline;
	assert_true(poll(fds, 2, (int) ((wake_at - now + 999) / 1000)) >= 0);
	http_run(server);
	talk->rounds++;
	if (talk->left > 0)
	{
		ssize_t sent = send(fd, talk->request, talk->left, MSG_NOSIGNAL);

		if (sent > 0)
		{
			talk->request += sent;
			talk->left -= (size_t) sent;
		}
		else if (errno != EAGAIN)
			talk->left = 0; /* the server had enough */
	}
	got = recv(fd, answer + answer_len, ANSWER_MAX - answer_len, 0);
	if (got > 0)
		answer_len += (size_t) got;
	answer[answer_len] = '\0';
	return got > 0 || (got < 0 && errno == EAGAIN);
}

/* Sends the rest of a request and reads until the server closes. */
static inline int
ask_more(HttpServer *server, int fd, const char *request, size_t len)
{
	Talk talk = {request, len, 0};
	MonoUsec deadline = clock_mono() + PATIENCE;

	answer_len = 0;
	while (turn(server, fd, &talk, deadline))
		;
	return talk.rounds;
}

static inline int
ask_bytes(HttpServer *server, const char *request, size_t len)
{
	int fd = connect_to(server);
	int rounds = ask_more(server, fd, request, len);

	close(fd);
	return rounds;
}

static inline int
ask(HttpServer *server, const char *method, const char *path, const char *headers)
{
	char request[1024];
	int len = snprintf(request, sizeof(request),
					   "%s %s HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n%s\r\n", method,
					   path, headers);

	assert_in_range(len, 1, sizeof(request) - 1);
	return ask_bytes(server, request, (size_t) len);
}

static inline int
status(void)
{
	assert_memory_equal(answer, "HTTP/1.1 ", 9);
	return (int) strtol(answer + 9, NULL, 10);
}

static inline const char *
body(void)
{
	const char *end = strstr(answer, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

#endif
