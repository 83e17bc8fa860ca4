/*
 * test_loopback.c
 *	  What is this machine, and what only looks like it.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "loopback.h"

static bool
is_loopback(const char *text)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return loopback_address((const struct sockaddr *) &four);
	assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
	return loopback_address((const struct sockaddr *) &six);
}

static void
addresses(void **state)
{
	static const char *const here[] = {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"};
	static const char *const elsewhere[] = {
		"0.0.0.0",
		"1.0.0.127",
		"10.0.0.1",
		"128.0.0.1",
		"126.255.255.255",
		"::",
		"::ffff:10.0.0.1",
		"fe80::1",
		"::127.0.0.1",
		"2001:db8::1",
		"::2",
		"::ffff:128.0.0.1",
		"0:0:1::1",
		"0:0:1:0:0:ffff:127.0.0.1",
	};
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct sockaddr other = {.sa_family = AF_UNSPEC};

	(void) state;
	for (size_t i = 0; i < LENGTH(here); i++)
	{
		if (!is_loopback(here[i]))
			fail_msg("%s is this machine", here[i]);
	}
	for (size_t i = 0; i < LENGTH(elsewhere); i++)
	{
		if (is_loopback(elsewhere[i]))
			fail_msg("%s isn't this machine", elsewhere[i]);
	}
	assert_true(loopback_address((const struct sockaddr *) &local));
	assert_false(loopback_address(&other));
	assert_false(loopback_address(NULL));
}

static void
hosts(void **state)
{
	static const char *const here[] = {"localhost", "localhost:9188", "LocalHost:1",
									   "127.0.0.1", "127.0.0.1:9188", "127.1.2.3:80",
									   "[::1]",		"[::1]:9188",	  "127.0.0.1:"};
	static const char *const elsewhere[] = {
		"",
		":9188",
		"evil.example",
		"evil.example:9188",
		"localhost.evil.example",
		"127.0.0.1.evil.example:9188",
		"127.0.0.1:80:80",
		"127.0.0.1:x",
		"127.1",
		"10.0.0.1:9188",
		"0.0.0.0:9188",
		"[::]:9188",
		"[::1]x",
		"[::1",
		"::1",
		" localhost",
		"localhost ",
		"localhost@evil.example",
		"0127.0.0.1",
		"2130706433",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(here); i++)
	{
		if (!loopback_host(here[i]))
			fail_msg("%s is this machine", here[i]);
	}
	for (size_t i = 0; i < LENGTH(elsewhere); i++)
	{
		if (loopback_host(elsewhere[i]))
			fail_msg("\"%s\" isn't this machine", elsewhere[i]);
	}
	assert_false(loopback_host(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(hosts),
	};

	return cmocka_run_group_tests_name("loopback", tests, NULL, NULL);
}
