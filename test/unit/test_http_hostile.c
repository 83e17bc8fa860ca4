/*
 * test_http_hostile.c
 *	  What the HTTP server takes from clients: bodies, other sites' requests, rubbish.
 */
#include "http_talk.h"

#include <ifaddrs.h>
#include <net/if.h>

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
					"POST /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
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
								   "POST /healthz HTTP/1.1\r\nHost: localhost\r\n"
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

/* A site whose name leads here has the same Origin and Host; both are its name. */
static void
orders_are_for_this_machine(void **state)
{
	static const char *const hosts[] = {"evil.example:1", "127.0.0.1.evil.example", "10.0.0.1:1",
										""};
	/* For all addresses: there only orders need to be asked for by such a name. */
	HttpServer *server = start("0.0.0.0:0");
	char request[512];

	(void) state;
	for (size_t i = 0; i < LENGTH(hosts); i++)
	{
		int len = snprintf(request, sizeof(request),
						   "POST /healthz HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\n"
						   "Content-Length: 0\r\nConnection: close\r\n\r\n",
						   hosts[i], hosts[i]);

		ask_bytes(server, request, (size_t) len);
		assert_int_equal(status(), 403);
	}
	ask(server, "POST", "/healthz", "Content-Length: 0\r\n");
	assert_int_equal(status(), 200);
	assert_int_equal(calls, 1);
	http_stop(server);
}

/* The first address of this machine that isn't the loopback's; 0: it has none. */
static in_addr_t
address_outside(void)
{
	struct ifaddrs *all;
	in_addr_t found = 0;

	assert_int_equal(getifaddrs(&all), 0);
	for (const struct ifaddrs *one = all; one != NULL && found == 0; one = one->ifa_next)
	{
		if (one->ifa_addr != NULL && one->ifa_addr->sa_family == AF_INET &&
			(one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0)
			found = ((struct sockaddr_in *) (void *) one->ifa_addr)->sin_addr.s_addr;
	}
	freeifaddrs(all);
	return found;
}

static void
orders_from_another_address_are_refused(void **state)
{
	HttpServer *server;

	(void) state;
	client_address = address_outside();
	if (client_address == 0)
		skip();
	server = start("0.0.0.0:0");
	ask(server, "POST", "/healthz", "Content-Length: 0\r\n");
	assert_int_equal(status(), 403);
	assert_int_equal(calls, 0);
	ask(server, "GET", "/healthz", "");
	assert_int_equal(status(), 200);
	client_address = 0;
	http_stop(server);
}

/* More than there is room for, each within its request: the one that comes is answered, the first hangs up. */
static void
slow_clients_keep_nobody_out(void **state)
{
	static const char half[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
	static const char rest[] = "x\r\nConnection: close\r\n\r\n";
	HttpServer *server = start("127.0.0.1:0");
	MonoUsec deadline = clock_mono() + PATIENCE;
	Talk nothing = {NULL, 0, 0};
	int fds[200];

	(void) state;
	for (size_t i = 0; i < LENGTH(fds); i++)
	{
		Talk talk = {half, sizeof(half) - 1, 0};

		fds[i] = connect_to(server);
		answer_len = 0;
		while (talk.left > 0 && turn(server, fds[i], &talk, deadline))
			;
	}
	ask(server, "GET", "/healthz", "");
	assert_int_equal(status(), 200);
	answer_len = 0;
	while (turn(server, fds[0], &nothing, deadline))
		;
	assert_int_equal(answer_len, 0);
	/* The last of them may go on. */
	ask_more(server, fds[LENGTH(fds) - 1], rest, sizeof(rest) - 1);
	assert_int_equal(status(), 200);
	for (size_t i = 0; i < LENGTH(fds); i++)
		close(fds[i]);
	http_stop(server);
}

/* A page that a name of somebody else's leads to is no page, unless the whole network may ask. */
static void
other_names_get_nothing(void **state)
{
	static const char request[] = "GET /status HTTP/1.1\r\nHost: evil.example\r\n"
								  "Connection: close\r\n\r\n";
	static const char without[] = "GET /status HTTP/1.0\r\n\r\n";
	HttpServer *server = start("127.0.0.1:0");

	(void) state;
	ask_bytes(server, request, sizeof(request) - 1);
	assert_int_equal(status(), 403);
	assert_int_equal(calls, 0);
	ask_bytes(server, without, sizeof(without) - 1);
	assert_int_equal(status(), 200);
	http_stop(server);
	server = start("0.0.0.0:0");
	ask_bytes(server, request, sizeof(request) - 1);
	assert_int_equal(status(), 200);
	http_stop(server);
}

/* Many requests in one piece are answered one by one, in order. */
static void
requests_may_come_together(void **state)
{
	static const char one[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static const char last[] =
		"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	HttpServer *server = start("127.0.0.1:0");
	char request[100 * sizeof(one) + sizeof(last)];
	size_t len = 0;
	int found = 0;

	(void) state;
	for (int i = 0; i < 100; i++)
	{
		memcpy(request + len, one, sizeof(one) - 1);
		len += sizeof(one) - 1;
	}
	memcpy(request + len, last, sizeof(last) - 1);
	ask_bytes(server, request, len + sizeof(last) - 1);
	for (const char *at = answer; (at = strstr(at, "HTTP/1.1 200 ")) != NULL; at++)
		found++;
	assert_int_equal(found, 100);
	assert_non_null(strstr(answer, "HTTP/1.1 404 "));
	http_stop(server);
}

/* Larger than what the library keeps for one. */
static void
heads_have_an_end(void **state)
{
	static char request[2 * 1024 * 1024];
	HttpServer *server = start("127.0.0.1:0");
	int head;

	(void) state;
	memset(request, 'x', sizeof(request));
	memcpy(request, "GET /", 5);
	ask_bytes(server, request, sizeof(request));
	assert_true(answer_len == 0 || status() >= 400);
	head =
		snprintf(request, sizeof(request), "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Large: ");
	request[head] = 'x';
	ask_bytes(server, request, sizeof(request));
	assert_true(answer_len == 0 || status() >= 400);
	assert_int_equal(calls, 0);
	ask(server, "GET", "/healthz", "");
	assert_int_equal(status(), 200);
	http_stop(server);
}

/* A whole request whose head has so many bytes. */
static void
ask_with_head(HttpServer *server, size_t len)
{
	static const char begin[] =
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Large: ";
	static const char end[] = "\r\n\r\n";
	char request[40000];

	assert_in_range(len, sizeof(begin) + sizeof(end), sizeof(request));
	memset(request, 'x', len);
	memcpy(request, begin, sizeof(begin) - 1);
	memcpy(request + len - (sizeof(end) - 1), end, sizeof(end) - 1);
	ask_bytes(server, request, len);
}

static void
heads_end_at_32_kb(void **state)
{
	HttpServer *server = start("127.0.0.1:0");

	(void) state;
	ask_with_head(server, 30000);
	assert_int_equal(status(), 200);
	/* With what is noted about it, it has no room. */
	ask_with_head(server, 32768);
	assert_true(answer_len == 0 || status() == 431);
	assert_int_equal(calls, 1);
	ask_with_head(server, 30000);
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
	Talk talks[LENGTH(requests)];
	int fds[LENGTH(requests)];
	MonoUsec deadline = clock_mono() + PATIENCE;

	(void) state;
	/* The clients send and hang up their side, all at once: some are kept until they are idle for too long. */
	for (size_t i = 0; i < LENGTH(requests); i++)
	{
		fds[i] = connect_to(server);
		talks[i] = (Talk){requests[i], strlen(requests[i]), 0};
		answer_len = 0;
		while (talks[i].left > 0 && turn(server, fds[i], &talks[i], deadline))
			;
		shutdown(fds[i], SHUT_WR);
	}
	/* Whatever comes back, each ends. */
	for (size_t i = 0; i < LENGTH(requests); i++)
	{
		answer_len = 0;
		while (turn(server, fds[i], &talks[i], deadline))
			;
		close(fds[i]);
		ask(server, "GET", "/healthz", "");
		assert_int_equal(status(), 200);
	}
	http_stop(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_posts),
		cmocka_unit_test(an_endless_body_is_cut),
		cmocka_unit_test(posts_from_other_sites_are_refused),
		cmocka_unit_test(orders_are_for_this_machine),
		cmocka_unit_test(orders_from_another_address_are_refused),
		cmocka_unit_test(slow_clients_keep_nobody_out),
		cmocka_unit_test(other_names_get_nothing),
		cmocka_unit_test(requests_may_come_together),
		cmocka_unit_test(heads_have_an_end),
		cmocka_unit_test(heads_end_at_32_kb),
		cmocka_unit_test(survives_rubbish),
	};

	return cmocka_run_group_tests_name("http_hostile", tests, NULL, NULL);
}
