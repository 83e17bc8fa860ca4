/*
 * test_kafka_servers.c
 *	  What kafka.bootstrap.servers may be, and what is said of the rest.
 */
#include "unit.h"

#include "exit_codes.h"
#include "kafka_servers.h"

#include <string.h>

static void
takes_what_librdkafka_takes(void **state)
{
	static const char *const good[] = {
		"k",
		"k:9092",
		"127.0.0.1:1",
		"k-1.example_net.:65535",
		"[::1]",
		"[::1]:9092",
		"[fe80::1%eth0]:9092",
		"a:1,b:2,c",
		"a:1, b:2 ,,c:3,",
		"PLAINTEXT://k:9092",
		"plaintext://[::1]:9092,k",
		"plaintext://k:9092/path",
		"b\xC3\xBC"
		"cher.example:9092",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		Error error;

		error_clear(&error);
		if (!kafka_servers_check(good[i], "test", "plaintext", &error))
			fail_msg("%s", error.message);
	}
}

static void
refuses_the_rest(void **state)
{
	static const struct
	{
		const char *servers;
		const char *problem;
	} bad[] = {
		{"127.0.0.1:nine", "\"127.0.0.1:nine\" has no port from 1 to 65535"},
		{"a:1,b:0", "\"b:0\" has no port"},
		{"a:65536", "has no port"},
		{"a:99999999999999999999", "has no port"},
		{"a:", "has no port"},
		{"a:-1", "has no port"},
		{"a:+1", "has no port"},
		{"a: 1", "has no port"},
		{"a:1/path", "has no port"},
		{"a:1 b:2", "a port too many"},
		{":9092", "has no host"},
		{"PLAINTEXT://", "has no host"},
		{"PLAINTEXT:///path", "has no host"},
		{"a b", "has no name of a host"},
		{"a/b", "has no name of a host"},
		{"a\nlog.level = info", "has no name of a host"},
		{"\ta:1", "has no name of a host"},
		{"::1", "without brackets"},
		{"fe80::1:9092", "without brackets"},
		{"[::1", "in its brackets"},
		{"[]:1", "in its brackets"},
		{"[k]:1", "in its brackets"},
		{"[::1]9092", "has no port"},
		{"[::1]:", "has no port"},
		{"http://a:1", "has no protocol of Kafka"},
		{"://a:1", "has no protocol of Kafka"},
		{"SSL://a:1", "has another protocol than security.protocol, \"plaintext\""},
		{"", "it names no broker"},
		{" , ", "it names no broker"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		static const char start[] = "file f:3: \"kafka.bootstrap.servers\" can't be used: ";
		Error error;

		error_clear(&error);
		if (kafka_servers_check(bad[i].servers, "file f:3", "plaintext", &error))
			fail_msg("accepted \"%s\"", bad[i].servers);
		assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		assert_memory_equal(error.message, start, sizeof(start) - 1);
		if (strstr(error.message, bad[i].problem) == NULL)
			fail_msg("%s: %s", bad[i].servers, error.message);
		assert_non_null(strstr(error.hint, "host:port"));
	}
}

static void
survives_a_long_one(void **state)
{
	char servers[3000];
	Error error;

	(void) state;
	memset(servers, 'a', sizeof(servers));
	memcpy(servers + sizeof(servers) - 3, ":x", 3);
	error_clear(&error);
	assert_false(kafka_servers_check(servers, "test", "ssl", &error));
	assert_non_null(strstr(error.message, "has no port"));
	memset(servers, '[', sizeof(servers) - 1);
	assert_false(kafka_servers_check(servers, "test", "ssl", &error));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_librdkafka_takes),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(survives_a_long_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
