/*
 * test_http.c
 *	  The HTTP server, driven like a program's loop does, with a socket client in
 *	  the same thread.
 */
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

static bool
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

static HttpServer *
start(const char *listen_at)
{
	Error error;
	HttpServer *server = http_start(listen_at, handle, (void *) "argument", &error);

	if (server == NULL)
		fail_msg("%s", error.message);
	calls = 0;
	return server;
}

static int
connect_to(HttpServer *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_port = htons((uint16_t) http_port(server)),
								  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
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
static bool
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

/* Sends a request and reads until the server closes. */
static int
ask_bytes(HttpServer *server, const char *request, size_t len)
{
	Talk talk = {request, len, 0};
	MonoUsec deadline = clock_mono() + PATIENCE;
	int fd = connect_to(server);

	answer_len = 0;
	while (turn(server, fd, &talk, deadline))
		;
	close(fd);
	return talk.rounds;
}

static int
ask(HttpServer *server, const char *method, const char *path, const char *headers)
{
	char request[1024];
	int len = snprintf(request, sizeof(request),
					   "%s %s HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n%s\r\n", method,
					   path, headers);

	assert_in_range(len, 1, sizeof(request) - 1);
	return ask_bytes(server, request, (size_t) len);
}

static int
status(void)
{
	assert_memory_equal(answer, "HTTP/1.1 ", 9);
	return (int) strtol(answer + 9, NULL, 10);
}

static const char *
body(void)
{
	const char *end = strstr(answer, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static void
serves_pages(void **state)
{
	HttpServer *server = start("127.0.0.1:0");

	(void) state;
	assert_in_range(http_port(server), 1, 65535);
	ask(server, "GET", "/healthz", "");
	assert_int_equal(status(), 200);
	assert_string_equal(body(), "ok\n");
	assert_non_null(strstr(answer, "Content-Type: text/plain; charset=utf-8\r\n"));
	assert_non_null(strstr(answer, "Cache-Control: no-store\r\n"));
	assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));

	ask(server, "GET", "/status", "");
	assert_int_equal(status(), 200);
	assert_non_null(strstr(answer, "Content-Type: application/json\r\n"));
	assert_string_equal(body(), "{}");

	ask(server, "GET", "/readyz", "");
	assert_int_equal(status(), 503);
	assert_string_equal(body(), "not ready\n");

	ask(server, "GET", "/empty", "");
	assert_int_equal(status(), 200);
	assert_string_equal(body(), "");

	ask(server, "GET", "/healthz?verbose=1", "");
	assert_int_equal(status(), 200);
	assert_string_equal(last_path, "/healthz");
	http_stop(server);
}

static void
large_pages_come_whole(void **state)
{
	HttpServer *server = start("127.0.0.1:0");

	(void) state;
	ask(server, "GET", "/large", "");
	assert_int_equal(status(), 200);
	assert_int_equal(strlen(body()), 1000000);
	assert_string_equal(body() + 1000000 - 10, "000099999\n");

	ask(server, "GET", "/too-large", "");
	assert_int_equal(status(), 500);
	http_stop(server);
}

static void
head_has_no_body(void **state)
{
	HttpServer *server = start("127.0.0.1:0");

	(void) state;
	ask(server, "HEAD", "/healthz", "");
	assert_int_equal(status(), 200);
	assert_non_null(strstr(answer, "Content-Length: 3\r\n"));
	assert_string_equal(body(), "");
	assert_string_equal(last_method, "GET");
	http_stop(server);
}

static void
refuses_pages_and_methods(void **state)
{
	static const char *const methods[] = {"PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "X"};
	HttpServer *server = start("127.0.0.1:0");

	(void) state;
	ask(server, "GET", "/nothing", "");
	assert_int_equal(status(), 404);
	ask(server, "GET", "/healthz/", "");
	assert_int_equal(status(), 404);
	assert_int_equal(calls, 2);
	for (size_t i = 0; i < LENGTH(methods); i++)
	{
		ask(server, methods[i], "/healthz", "");
		assert_int_equal(status(), 405);
		assert_non_null(strstr(answer, "Allow: GET, HEAD, POST\r\n"));
	}
	assert_int_equal(calls, 2);
	http_stop(server);
}

static void
takes_posts(void **state)
{
	HttpServer *server = start("127.0.0.1:0");
	char request[70000];
	int head;

	(void) state;
	ask(server, "POST", "/healthz", "Content-Length: 0\r\n");
	assert_int_equal(status(), 200);
	assert_string_equal(last_method, "POST");

	/* The largest body that is taken, and dropped. */
	head = snprintf(request, sizeof(request),
					"POST /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
					"Content-Length: 65536\r\n\r\n");
	memset(request + head, 'x', 65536);
	ask_bytes(server, request, (size_t) head + 65536);
	assert_int_equal(status(), 200);
	assert_int_equal(calls, 2);

	ask(server, "POST", "/healthz", "Content-Length: 65537\r\n");
	assert_int_equal(status(), 413);
	ask(server, "POST", "/healthz", "Content-Length: 18446744073709551615\r\n");
	assert_int_not_equal(status(), 200);
	assert_int_equal(calls, 2);
	http_stop(server);
}

static void
an_endless_body_is_cut(void **state)
{
	static char request[2 * 1024 * 1024];
	HttpServer *server = start("127.0.0.1:0");
	size_t len = (size_t) snprintf(request, sizeof(request),
								   "POST /healthz HTTP/1.1\r\nHost: h\r\n"
								   "Transfer-Encoding: chunked\r\n\r\n");

	(void) state;
	while (len + 4110 < sizeof(request))
	{
		len += (size_t) snprintf(request + len, sizeof(request) - len, "1000\r\n");
		memset(request + len, 'x', 4096);
		memcpy(request + len + 4096, "\r\n", 2);
		len += 4098;
	}
	len += (size_t) snprintf(request + len, sizeof(request) - len, "0\r\n\r\n");
	ask_bytes(server, request, len);
	assert_int_equal(calls, 0);

	/* And the server goes on. */
	ask(server, "GET", "/healthz", "");
	assert_int_equal(status(), 200);
	http_stop(server);
}

static void
posts_from_other_sites_are_refused(void **state)
{
	HttpServer *server = start("127.0.0.1:0");

	(void) state;
	ask(server, "POST", "/healthz", "Content-Length: 0\r\nOrigin: http://127.0.0.1:1\r\n");
	assert_int_equal(status(), 200);
	ask(server, "POST", "/healthz", "Content-Length: 0\r\nOrigin: http://evil.example\r\n");
	assert_int_equal(status(), 403);
	ask(server, "POST", "/healthz", "Content-Length: 0\r\nOrigin: http://127.0.0.1:2\r\n");
	assert_int_equal(status(), 403);
	ask(server, "POST", "/healthz", "Content-Length: 0\r\nOrigin: null\r\n");
	assert_int_equal(status(), 403);
	assert_int_equal(calls, 1);
	/* To read is harmless: the browser keeps the answer from the page. */
	ask(server, "GET", "/healthz", "Origin: http://evil.example\r\n");
	assert_int_equal(status(), 200);
	http_stop(server);
}

static void
survives_rubbish(void **state)
{
	static const char *const requests[] = {
		"\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03 a TLS hello\r\n\r\n",
		"GET /%00%ff HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\nConnection: close\r\n\r\n",
	};
	HttpServer *server = start("127.0.0.1:0");

	(void) state;
	for (size_t i = 0; i < LENGTH(requests); i++)
	{
		int fd = connect_to(server);
		Talk talk = {requests[i], strlen(requests[i]), 0};
		MonoUsec deadline = clock_mono() + PATIENCE;

		/* The client sends and hangs up its side; whatever comes back, it ends. */
		answer_len = 0;
		while (talk.left > 0 && turn(server, fd, &talk, deadline))
			;
		shutdown(fd, SHUT_WR);
		while (turn(server, fd, &talk, deadline))
			;
		close(fd);
		ask(server, "GET", "/healthz", "");
		assert_int_equal(status(), 200);
	}
	http_stop(server);
}

/* One connection, two requests; and while nothing happens the descriptor is silent. */
static void
keeps_connections_and_does_not_spin(void **state)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
	HttpServer *server = start("127.0.0.1:0");
	struct pollfd idle = {http_fd(server), POLLIN, 0};
	int fd = connect_to(server);
	MonoUsec deadline = clock_mono() + PATIENCE;

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		Talk talk = {request, strlen(request), 0};

		answer_len = 0;
		answer[0] = '\0';
		while (strstr(answer, "ok\n") == NULL)
			assert_true(turn(server, fd, &talk, deadline));
		assert_int_equal(status(), 200);
		assert_in_range(talk.rounds, 1, 20);
	}
	for (int i = 0; i < 10; i++)
		http_run(server);
	assert_int_equal(poll(&idle, 1, 0), 0);
	assert_true(http_wake_at(server, 0) > USEC_PER_SEC);
	close(fd);
	http_stop(server);
}

static void
nothing_to_do_is_never(void **state)
{
	HttpServer *server = start("127.0.0.1:0");

	(void) state;
	http_run(server);
	assert_true(http_wake_at(server, 5) == MONO_NEVER);
	http_stop(server);
	http_stop(NULL);
}

static void
listens_on_ipv6(void **state)
{
	Error error;
	HttpServer *server = http_start("[::1]:0", handle, NULL, &error);

	(void) state;
	if (server == NULL)
	{
		/* A machine without IPv6 says so; anything else is a failure. */
		assert_true(strstr(error.message, strerror(EADDRNOTAVAIL)) != NULL ||
					strstr(error.message, strerror(EAFNOSUPPORT)) != NULL);
		skip();
	}
	assert_in_range(http_port(server), 1, 65535);
	http_stop(server);
}

static void
refuses_addresses(void **state)
{
	static const char *const bad[] = {
		"",
		"127.0.0.1",
		":9187",
		"127.0.0.1:",
		"127.0.0.1:x",
		"127.0.0.1:-1",
		"127.0.0.1:65536",
		"127.0.0.1:1x",
		"127.0.0.1:99999999999999999999",
		"::1:9187",
		"[::1]9187",
		"[]:1",
		"127.0.0.1: 1",
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(bad); i++)
	{
		Error error;

		if (http_start(bad[i], handle, NULL, &error) != NULL)
			fail_msg("accepted \"%s\"", bad[i]);
		assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		assert_non_null(strstr(error.message, "invalid address to listen on"));
	}
}

static void
a_port_in_use_is_named(void **state)
{
	HttpServer *server = start("127.0.0.1:0");
	char listen_at[32];
	Error error;

	(void) state;
	snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%d", http_port(server));
	assert_null(http_start(listen_at, handle, NULL, &error));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_non_null(strstr(error.message, listen_at));
	assert_non_null(strstr(error.message, strerror(EADDRINUSE)));
	http_stop(server);

	/* And free again at once. */
	server = start(listen_at);
	http_stop(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_pages),
		cmocka_unit_test(large_pages_come_whole),
		cmocka_unit_test(head_has_no_body),
		cmocka_unit_test(refuses_pages_and_methods),
		cmocka_unit_test(takes_posts),
		cmocka_unit_test(an_endless_body_is_cut),
		cmocka_unit_test(posts_from_other_sites_are_refused),
		cmocka_unit_test(survives_rubbish),
		cmocka_unit_test(keeps_connections_and_does_not_spin),
		cmocka_unit_test(nothing_to_do_is_never),
		cmocka_unit_test(listens_on_ipv6),
		cmocka_unit_test(refuses_addresses),
		cmocka_unit_test(a_port_in_use_is_named),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
