/*
 * test_live.c
 *	  The live page's server over real sockets: what a browser gets, however late or slow it
 *	  is, and which orders are taken.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "http_clients.h"
#include "live.h"
#include "web.h"

#define ANSWER_MAX (4 * 1024 * 1024)
#define RING 1200

static char answer[ANSWER_MAX + 1];
static char token[64];
static int patience_s = 20;

/* In place of the pages: the token is all that is looked for. */
ByteView
web_file(WebFile file)
{
	return view_of(file == WEB_LIVE_HTML ? "<{{token}}>" : "style");
}

static Live *
start(bool orders)
{
	LiveConfig config = {.listen = "127.0.0.1:0", .orders = orders};
	Error error;
	Live *live = live_start(&config, &error);

	if (live == NULL)
		fail_msg("%s", error.message);
	return live;
}

static int
connect_to(const Live *live)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = patience_s};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_port = htons((uint16_t) strtoul(strrchr(live_url(live), ':') + 1, NULL, 10));
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	return fd;
}

static int
send_request(const Live *live, const char *method, const char *path, const char *headers)
{
	char request[1024];
	int fd = connect_to(live);
	int len = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nConnection: close\r\n%s\r\n",
					   method, path, headers);

	assert_int_equal(send(fd, request, (size_t) len, MSG_NOSIGNAL), len);
	return fd;
}

/* Until there is the text, or the end when it is NULL. */
static void
read_until(int fd, const char *text)
{
	size_t len = 0;

	answer[0] = '\0';
	while (text == NULL || strstr(answer, text) == NULL)
	{
		ssize_t got = recv(fd, answer + len, ANSWER_MAX - len, 0);

		assert_true(got >= 0);
		if (got == 0)
			break;
		len += (size_t) got;
		answer[len] = '\0';
	}
	assert_true(text == NULL || strstr(answer, text) != NULL);
}

/* The status. */
static int
ask(const Live *live, const char *method, const char *path, const char *headers)
{
	int fd = send_request(live, method, path, headers);

	read_until(fd, NULL);
	close(fd);
	assert_memory_equal(answer, "HTTP/1.1 ", 9);
	return (int) strtol(answer + 9, NULL, 10);
}

#define HERE "Host: localhost:80\r\n"

static void
find_token(const Live *live)
{
	const char *place;

	assert_int_equal(ask(live, "GET", "/", HERE), 200);
	place = strstr(answer, "\r\n\r\n<");
	assert_non_null(place);
	snprintf(token, sizeof(token), "X-Outbox-Token: %.32s\r\n", place + 5);
	assert_int_equal(place[5 + 32], '>');
}

static int
order(const Live *live, const char *path, const char *where, const char *key)
{
	char headers[256];

	snprintf(headers, sizeof(headers), "%s%s", where, key);
	return ask(live, "POST", path, headers);
}

static void
publish(Live *live, int number)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "{\"n\":\n%d}", number);

	live_publish(live, text, (size_t) len);
}

/* -------------------------------------------------------------------------
 * orders
 * ------------------------------------------------------------------------- */

static void
orders_of_the_page(void **state)
{
	Live *live = start(true);
	LiveCommand command;

	(void) state;
	find_token(live);
	assert_false(live_command(live, &command));
	assert_int_equal(order(live, "/crash/target", HERE, token), 202);
	assert_int_equal(order(live, "/restore/app", HERE "Origin: http://localhost:80\r\n", token),
					 202);
	assert_true(live_command(live, &command));
	assert_int_equal(command.order, LIVE_CRASH);
	assert_string_equal(command.part, "target");
	assert_true(live_command(live, &command));
	assert_int_equal(command.order, LIVE_RESTORE);
	assert_string_equal(command.part, "app");
	assert_false(live_command(live, &command));
	live_stop(live);
}

static void
orders_of_others(void **state)
{
	Live *live = start(true);
	LiveCommand command;

	(void) state;
	find_token(live);
	assert_int_equal(order(live, "/crash/target", HERE, ""), 403);
	assert_int_equal(order(live, "/crash/target", HERE, "X-Outbox-Token: 1\r\n"), 403);
	assert_int_equal(order(live, "/crash/target", "Host: elsewhere.example\r\n", token), 403);
	assert_int_equal(order(live, "/crash/target", HERE "Origin: http://elsewhere\r\n", token), 403);
	assert_int_equal(order(live, "/crash/target", HERE "Origin: http://localhost:81\r\n", token),
					 403);
	assert_int_equal(order(live, "/crash/target", HERE "Origin: null\r\n", token), 403);
	assert_int_equal(order(live, "/crash/", HERE, token), 404);
	assert_int_equal(order(live, "/crash/targets", HERE, token), 404);
	assert_int_equal(order(live, "/pause/target", HERE, token), 404);
	assert_int_equal(ask(live, "GET", "/crash/target", HERE), 404);
	assert_int_equal(ask(live, "PUT", "/crash/target", HERE), 405);
	assert_false(live_command(live, &command));
	/* Who comes by another name gets no token to try. */
	assert_int_equal(ask(live, "GET", "/", "Host: elsewhere.example\r\n"), 200);
	assert_non_null(strstr(answer, "\r\n\r\n<>"));
	live_stop(live);
}

static void
orders_have_a_limit(void **state)
{
	Live *live = start(true);
	LiveCommand command;
	int noted = 0;

	(void) state;
	find_token(live);
	for (int i = 0; i < 20; i++)
		noted += order(live, "/crash/relay", HERE, token) == 202;
	assert_int_equal(noted, 16);
	assert_int_equal(order(live, "/crash/relay", HERE, token), 503);
	assert_true(live_command(live, &command));
	assert_int_equal(order(live, "/crash/relay", HERE, token), 202);
	live_stop(live);
}

static void
a_page_that_only_shows(void **state)
{
	Live *live = start(false);

	(void) state;
	assert_int_equal(ask(live, "GET", "/", HERE), 200);
	assert_non_null(strstr(answer, "\r\n\r\n<>"));
	assert_int_equal(order(live, "/crash/target", HERE, ""), 403);
	live_stop(live);
}

/* -------------------------------------------------------------------------
 * events
 * ------------------------------------------------------------------------- */

static void
late_and_early(void **state)
{
	Live *live = start(true);
	int early;
	int late;

	(void) state;
	early = send_request(live, "GET", "/events", HERE);
	read_until(early, "retry: ");
	publish(live, 1);
	read_until(early, "id: 0\ndata: {\"n\": 1}\n\n");
	publish(live, 2);
	read_until(early, "id: 1\ndata: {\"n\": 2}\n\n");
	/* Who comes late gets what was. */
	late = send_request(live, "GET", "/events", HERE);
	read_until(late, "{\"n\": 2}");
	assert_non_null(strstr(answer, "{\"n\": 1}"));
	close(late);
	/* Who comes back, what it didn't have yet. */
	late = send_request(live, "GET", "/events", HERE "Last-Event-ID: 0\r\n");
	read_until(late, "{\"n\": 2}");
	assert_null(strstr(answer, "{\"n\": 1}"));
	publish(live, 3);
	read_until(late, "{\"n\": 3}");
	close(late);
	/* Who comes back to another server than the one it knew, everything. */
	late = send_request(live, "GET", "/events", HERE "Last-Event-ID: 4711\r\n");
	read_until(late, "{\"n\": 3}");
	assert_non_null(strstr(answer, "{\"n\": 1}"));
	close(late);
	close(early);
	/* Both are gone; nothing happens. */
	publish(live, 4);
	live_stop(live);
}

static void
the_ring_forgets(void **state)
{
	Live *live = start(true);
	int fd;

	(void) state;
	for (int i = 0; i < RING + 10; i++)
		publish(live, i);
	fd = send_request(live, "GET", "/events", HERE);
	read_until(fd, "{\"n\": 1209}");
	assert_null(strstr(answer, "{\"n\": 9}"));
	assert_non_null(strstr(answer, "{\"n\": 10}"));
	close(fd);
	live_stop(live);
}

static void *
stop_it(void *live)
{
	live_stop(live);
	return NULL;
}

/* The last snapshot is published and the server stopped at once: it arrives all the same. */
static void
the_end_arrives(void **state)
{
	Live *live = start(true);
	pthread_t thread;
	int fd;

	(void) state;
	fd = send_request(live, "GET", "/events", HERE);
	read_until(fd, "retry: ");
	publish(live, 1);
	publish(live, 2);
	assert_int_equal(pthread_create(&thread, NULL, stop_it, live), 0);
	read_until(fd, NULL);
	assert_non_null(strstr(answer, "{\"n\": 2}"));
	pthread_join(thread, NULL);
	close(fd);
}

/* -------------------------------------------------------------------------
 * clients as nobody wants them
 * ------------------------------------------------------------------------- */

/* Before the library's time-out for those that are silent would help. */
#define SOON_S 5
#define SLOW 40 /* fewer than there is room for, again and again */

/* However it is cut off. */
static void
await_end(int fd)
{
	ssize_t got;

	while ((got = recv(fd, answer, ANSWER_MAX, 0)) > 0)
		;
	assert_true(got == 0 || errno == ECONNRESET);
	close(fd);
}

/* Of so many clients some are cut off. */
static void
await_ends(const int *fds, size_t count, size_t wanted)
{
	MonoUsec deadline = clock_mono() + 20 * USEC_PER_SEC;
	bool over[128] = {false};

	assert_true(count <= LENGTH(over));
	for (size_t ended = 0, i = 0; ended < wanted; i = (i + 1) % count)
	{
		ssize_t got = over[i] ? -1 : recv(fds[i], answer, ANSWER_MAX, MSG_DONTWAIT);

		if (!over[i] && (got == 0 || (got < 0 && errno == ECONNRESET)))
		{
			over[i] = true;
			ended++;
		}
		else if (i == 0)
			poll(NULL, 0, 1);
		assert_true(clock_mono() < deadline);
	}
}

/* Who comes last is heard, who has been at it for longest goes; one that reads its events stays. */
static void
slow_clients_keep_nobody_out(void **state)
{
	static const char half[] = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
	Live *live = start(true);
	int fds[10 * SLOW];
	int reader;

	(void) state;
	patience_s = SOON_S;
	reader = send_request(live, "GET", "/events", HERE);
	for (int i = 0; i < (int) LENGTH(fds); i++)
	{
		char event[32];

		fds[i] = connect_to(live);
		assert_int_equal(send(fds[i], half, sizeof(half) - 1, MSG_NOSIGNAL), sizeof(half) - 1);
		if (i % SLOW > 0)
			continue;
		/* Who has come was let in, so the reader is the last that was served. */
		assert_int_equal(ask(live, "GET", "/", HERE), 200);
		publish(live, i);
		snprintf(event, sizeof(event), "{\"n\": %d}", i);
		read_until(reader, event);
	}
	assert_int_equal(ask(live, "GET", "/", HERE), 200);
	for (int i = 0; i < (int) LENGTH(fds) - 64; i++)
		await_end(fds[i]);
	publish(live, 4711);
	read_until(reader, "{\"n\": 4711}");
	close(reader);
	for (int i = (int) LENGTH(fds) - 64; i < (int) LENGTH(fds); i++)
		close(fds[i]);
	live_stop(live);
	patience_s = 20;
}

/* They keep neither the one that publishes nor those that ask waiting, and not the end. */
static void
browsers_that_never_read(void **state)
{
	Live *live = start(true);
	char *large = malloc(100000);
	const int little = 4096;
	int fds[100];

	(void) state;
	patience_s = SOON_S;
	memset(large, 'x', 100000);
	for (size_t i = 0; i < LENGTH(fds); i++)
	{
		fds[i] = send_request(live, "GET", "/events", HERE);
		setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
	}
	for (int i = 0; i < 100; i++)
		live_publish(live, large, 100000);
	assert_int_equal(ask(live, "GET", "/", HERE), 200);
	/* Those that came first had to go, though they were asleep, but which of them took an event before isn't settled. */
	await_ends(fds, LENGTH(fds), LENGTH(fds) - HTTP_CLIENTS_MAX);
	live_stop(live);
	for (size_t i = 0; i < LENGTH(fds); i++)
		close(fds[i]);
	free(large);
	patience_s = 20;
}

/* Nobody reads them, and an order whose body has no end isn't one. */
static void
bodies_have_an_end(void **state)
{
	static const char chunk[] = "1000\r\n";
	static char bytes[4096 + 2];
	Live *live = start(true);
	LiveCommand command;
	char head[512];
	ssize_t sent;
	int fd;

	(void) state;
	find_token(live);
	memset(bytes, 'x', 4096);
	memcpy(bytes + 4096, "\r\n", 2);
	fd = connect_to(live);
	snprintf(head, sizeof(head),
			 "POST /crash/target HTTP/1.1\r\n" HERE "%sTransfer-Encoding: chunked\r\n\r\n", token);
	sent = send(fd, head, strlen(head), MSG_NOSIGNAL);
	for (int i = 0; sent > 0; i++)
	{
		assert_true(i < 10000);
		sent = send(fd, chunk, sizeof(chunk) - 1, MSG_NOSIGNAL);
		if (sent > 0)
			sent = send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
	}
	await_end(fd);
	assert_false(live_command(live, &command));
	/* One that ends is read over. */
	snprintf(head, sizeof(head), HERE "%sContent-Length: 5\r\n", token);
	fd = send_request(live, "POST", "/crash/target", head);
	assert_int_equal(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
	read_until(fd, NULL);
	close(fd);
	assert_memory_equal(answer, "HTTP/1.1 202 ", 13);
	assert_true(live_command(live, &command));
	live_stop(live);
}

static void
heads_have_an_end(void **state)
{
	static const char *const starts[] = {"GET /", "GET / HTTP/1.1\r\n" HERE "X-Large: ",
										 "GET / HTTP/1.1\r\n" HERE "Content-Length: -1\r\n\r\n",
										 "\x16\x03\x01\x02"};
	static char rest[300000];
	Live *live = start(true);

	(void) state;
	memset(rest, 'x', sizeof(rest));
	for (size_t i = 0; i < LENGTH(starts); i++)
	{
		int fd = connect_to(live);

		assert_true(send(fd, starts[i], strlen(starts[i]), MSG_NOSIGNAL) > 0);
		while (send(fd, rest, sizeof(rest), MSG_NOSIGNAL) > 0)
			;
		await_end(fd);
		assert_int_equal(ask(live, "GET", "/", HERE), 200);
	}
	live_stop(live);
}

static void
addresses_that_are_none(void **state)
{
	static const char *const wrong[] = {"here", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"};
	LiveConfig config = {.orders = true};
	Live *live = start(true);
	char taken[64];
	Error error;

	(void) state;
	for (size_t i = 0; i < LENGTH(wrong); i++)
	{
		config.listen = wrong[i];
		error_clear(&error);
		assert_null(live_start(&config, &error));
		assert_non_null(strstr(error.message, wrong[i]));
	}
	snprintf(taken, sizeof(taken), "%s", live_url(live) + strlen("http://"));
	taken[strlen(taken) - 1] = '\0';
	config.listen = taken;
	error_clear(&error);
	assert_null(live_start(&config, &error));
	assert_non_null(strstr(error.message, "could not listen"));
	assert_non_null(strstr(error.hint, "127.0.0.1:0"));
	live_stop(live);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders_of_the_page),		cmocka_unit_test(orders_of_others),
		cmocka_unit_test(orders_have_a_limit),		cmocka_unit_test(a_page_that_only_shows),
		cmocka_unit_test(late_and_early),			cmocka_unit_test(the_ring_forgets),
		cmocka_unit_test(the_end_arrives),			cmocka_unit_test(slow_clients_keep_nobody_out),
		cmocka_unit_test(browsers_that_never_read), cmocka_unit_test(bodies_have_an_end),
		cmocka_unit_test(heads_have_an_end),		cmocka_unit_test(addresses_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
