/*
 * test_live.c
 *	  The live page's server over real sockets: what a browser gets, however late or slow it
 *	  is, and which orders are taken.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "live.h"
#include "web.h"

#define ANSWER_MAX (4 * 1024 * 1024)
#define RING 1200

static char answer[ANSWER_MAX + 1];
static char token[64];

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
	struct timeval patience = {.tv_sec = 20};
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
		cmocka_unit_test(orders_of_the_page),  cmocka_unit_test(orders_of_others),
		cmocka_unit_test(orders_have_a_limit), cmocka_unit_test(a_page_that_only_shows),
		cmocka_unit_test(late_and_early),	   cmocka_unit_test(the_ring_forgets),
		cmocka_unit_test(the_end_arrives),	   cmocka_unit_test(addresses_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
