/*
 * test_proxy.c
 *	  The fault proxy in front of a server of our own, on loopback.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "clock.h"
#include "proxy.h"

#define PATIENCE_MS 30000

/* Sends back what it gets, for one connection after another, each in a thread. */
typedef struct Echo
{
	int fd;
	int port;
	pthread_t thread;
} Echo;

static void *
serve_one(void *arg)
{
	int fd = *(int *) arg;
	char bytes[65536];
	ssize_t len;

	free(arg);
	while ((len = recv(fd, bytes, sizeof(bytes), 0)) > 0)
	{
		if (send(fd, bytes, (size_t) len, MSG_NOSIGNAL) < 0)
			break;
	}
	close(fd);
	return NULL;
}

static void *
serve(void *arg)
{
	const Echo *echo = arg;
	int fd;

	while ((fd = accept(echo->fd, NULL, NULL)) >= 0)
	{
		int *copy = malloc(sizeof(*copy));
		pthread_t thread;

		assert_non_null(copy);
		*copy = fd;
		if (pthread_create(&thread, NULL, serve_one, copy) == 0)
			pthread_detach(thread);
	}
	return NULL;
}

static void
echo_start(Echo *echo)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	echo->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(echo->fd, (struct sockaddr *) &address, len), 0);
	assert_int_equal(listen(echo->fd, 16), 0);
	assert_int_equal(getsockname(echo->fd, (struct sockaddr *) &address, &len), 0);
	echo->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&echo->thread, NULL, serve, echo), 0);
}

static void
echo_stop(Echo *echo)
{
	shutdown(echo->fd, SHUT_RDWR);
	pthread_join(echo->thread, NULL);
	close(echo->fd);
}

static Echo server;
static Proxy *proxy;

static int
set_up(void **state)
{
	Error error;

	(void) state;
	echo_start(&server);
	proxy = proxy_start(&server.port, 1, &error);
	assert_non_null(proxy);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	proxy_stop(proxy);
	echo_stop(&server);
	return 0;
}

static void
set(ProxyToxics toxics)
{
	proxy_set(proxy, 0, &toxics);
}

/* -1: refused */
static int
join(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
								  .sin_port = htons((uint16_t) proxy_port(proxy, 0))};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0)
		return fd;
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
	return -1;
}

static bool
readable(int fd, int timeout_ms)
{
	struct pollfd descriptor = {fd, POLLIN, 0};

	return poll(&descriptor, 1, timeout_ms) == 1;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void
hear(int fd, const char *text)
{
	char bytes[64] = "";
	size_t len = 0;

	while (len < strlen(text))
	{
		ssize_t count;

		assert_true(readable(fd, PATIENCE_MS));
		count = recv(fd, bytes + len, sizeof(bytes) - 1 - len, 0);
		assert_true(count > 0);
		len += (size_t) count;
	}
	assert_string_equal(bytes, text);
}

static int64_t
round_trip(int fd)
{
	MonoUsec start = clock_mono();

	say(fd, "x");
	hear(fd, "x");
	return clock_mono() - start;
}

static void
await_connections(int count)
{
	MonoUsec limit = clock_mono() + PATIENCE_MS * USEC_PER_MS;

	while (proxy_connections(proxy, 0) != count)
	{
		assert_true(clock_mono() < limit);
		usleep(2000);
	}
}

static void
passes_all_bytes(void **state)
{
	static char sent[2000000];
	static char back[sizeof(sent)];
	size_t out = 0;
	size_t in = 0;
	int fd = join();

	(void) state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char) (i * 7 + i / 1000);
	while (in < sizeof(sent))
	{
		struct pollfd descriptor = {fd, POLLIN, 0};

		if (out < sizeof(sent))
			descriptor.events |= POLLOUT;
		assert_int_equal(poll(&descriptor, 1, PATIENCE_MS), 1);
		if ((descriptor.revents & POLLOUT) != 0)
		{
			ssize_t count = send(fd, sent + out, sizeof(sent) - out, MSG_DONTWAIT);

			assert_true(count > 0 || errno == EAGAIN);
			out += count > 0 ? (size_t) count : 0;
		}
		if ((descriptor.revents & POLLIN) != 0)
		{
			ssize_t count = recv(fd, back + in, sizeof(back) - in, 0);

			assert_true(count > 0);
			in += (size_t) count;
		}
	}
	assert_memory_equal(sent, back, sizeof(sent));
	/* The end is passed on, both ways. */
	shutdown(fd, SHUT_WR);
	assert_true(readable(fd, PATIENCE_MS));
	assert_int_equal(recv(fd, back, 1, 0), 0);
	close(fd);
	await_connections(0);
}

static void
latency(void **state)
{
	MonoUsec limit;
	int fd = join();

	(void) state;
	round_trip(fd);
	set((ProxyToxics){.latency_usec = 200 * USEC_PER_MS, .jitter_usec = 50 * USEC_PER_MS});
	for (int i = 0; i < 3; i++)
		assert_true(round_trip(fd) >= 150 * USEC_PER_MS);
	set((ProxyToxics){0});
	/* What was on its way before keeps its time; now nothing is, and the best of some is quick. */
	limit = clock_mono() + PATIENCE_MS * USEC_PER_MS;
	while (round_trip(fd) >= 150 * USEC_PER_MS)
		assert_true(clock_mono() < limit);
	close(fd);
}

static void
jitter_keeps_the_order(void **state)
{
	char expected[31] = "";
	int fd = join();

	(void) state;
	set((ProxyToxics){.latency_usec = 20 * USEC_PER_MS, .jitter_usec = 20 * USEC_PER_MS});
	for (int i = 0; i < 30; i++)
	{
		char text[2] = {(char) ('a' + i % 26), '\0'};

		expected[i] = text[0];
		say(fd, text);
		usleep(1000);
	}
	hear(fd, expected);
	close(fd);
}

static void
bandwidth(void **state)
{
	char bytes[10000] = {0};
	MonoUsec start;
	size_t in = 0;
	int fd = join();

	(void) state;
	round_trip(fd);
	set((ProxyToxics){.bytes_per_s = 20000});
	start = clock_mono();
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	while (in < sizeof(bytes))
	{
		ssize_t count;

		assert_true(readable(fd, PATIENCE_MS));
		count = recv(fd, bytes, sizeof(bytes), 0);
		assert_true(count > 0);
		in += (size_t) count;
	}
	assert_true(clock_mono() - start >= 450 * USEC_PER_MS);
	close(fd);
}

static void
blackhole(void **state)
{
	int old = join();
	int young;

	(void) state;
	round_trip(old);
	set((ProxyToxics){.blackhole = true});
	young = join();
	say(old, "one");
	say(young, "two");
	assert_false(readable(old, 100));
	assert_false(readable(young, 1));
	set((ProxyToxics){0});
	hear(old, "one");
	hear(young, "two");
	close(old);
	close(young);
}

static void
reset(void **state)
{
	char byte;
	int fd = join();

	(void) state;
	round_trip(fd);
	proxy_reset(proxy, 0);
	assert_true(readable(fd, PATIENCE_MS));
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
	fd = join();
	round_trip(fd);
	close(fd);
}

static void
refuse(void **state)
{
	MonoUsec limit = clock_mono() + PATIENCE_MS * USEC_PER_MS;
	int port = proxy_port(proxy, 0);
	char byte;
	int fd = join();

	(void) state;
	round_trip(fd);
	set((ProxyToxics){.refuse = true});
	assert_true(readable(fd, PATIENCE_MS));
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	close(fd);
	assert_int_equal(join(), -1);
	set((ProxyToxics){0});
	while ((fd = join()) < 0)
	{
		assert_true(clock_mono() < limit);
		usleep(2000);
	}
	assert_int_equal(proxy_port(proxy, 0), port);
	round_trip(fd);
	close(fd);
}

static void
cut(void **state)
{
	char byte;
	int fd = join();

	(void) state;
	round_trip(fd);
	set((ProxyToxics){.latency_usec = 4 * USEC_PER_SEC});
	say(fd, "0123456789");
	/* It is on its way back, and stays there until the line is cut. */
	assert_false(readable(fd, 500));
	set((ProxyToxics){.latency_usec = 4 * USEC_PER_SEC, .cut = true});
	hear(fd, "01234");
	assert_true(readable(fd, PATIENCE_MS));
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
	await_connections(0);
	set((ProxyToxics){0});
	fd = join();
	round_trip(fd);
	close(fd);
}

static void
nobody_behind_it(void **state)
{
	int closed = 1; /* nobody listens there */
	Proxy *lonely;
	Error error;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	(void) state;
	lonely = proxy_start(&closed, 1, &error);
	assert_non_null(lonely);
	address.sin_port = htons((uint16_t) proxy_port(lonely, 0));
	assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	assert_true(readable(fd, PATIENCE_MS));
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
	proxy_stop(lonely);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(passes_all_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(latency, set_up, tear_down),
		cmocka_unit_test_setup_teardown(jitter_keeps_the_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bandwidth, set_up, tear_down),
		cmocka_unit_test_setup_teardown(blackhole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuse, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cut, set_up, tear_down),
		cmocka_unit_test(nobody_behind_it),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
