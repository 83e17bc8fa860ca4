/*
 * test_http.c
 *	  The HTTP server: pages, connections, and where it listens.
 */
#include "http_talk.h"

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

/* One connection, two requests; and while nothing happens the descriptor is silent. */
static void
keeps_connections_and_does_not_spin(void **state)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
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
		cmocka_unit_test(keeps_connections_and_does_not_spin),
		cmocka_unit_test(nothing_to_do_is_never),
		cmocka_unit_test(listens_on_ipv6),
		cmocka_unit_test(refuses_addresses),
		cmocka_unit_test(a_port_in_use_is_named),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
