/*
 * test_refusal.c
 *	  What mends a connection that one side refuses, from the words of librdkafka and libpq.
 *	  The texts are as librdkafka 2.0.2 and libpq 15 gave them.
 */
#include "unit.h"

#include "exit_codes.h"
#include "kafka_refusal.h"
#include "log.h"
#include "pg_refusal.h"

#define V2_0_2 0x020002ff
#define V2_6_0 0x020600ff
#define V2_6_1 0x020601ff

static Error error;

static bool
refused(KafkaTrouble trouble, const char *text, const char *certificate, uint32_t version)
{
	error_clear(&error);
	if (!kafka_refusal(&error, trouble, text, certificate, version))
		return false;
	assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(error.exit_code, EXIT_PERMISSION);
	assert_true(error.hint[0] != '\0');
	return true;
}

static void
names_what_a_certificate_lacks(void **state)
{
	static const char text[] =
		"ssl://h:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate "
		"verify "
		"failed: broker certificate could not be verified (after 16ms in state SSL_HANDSHAKE)";
	static const struct
	{
		int number;
		const char *words;
		const char *hint;
	} cases[] = {{10, "it has expired", "new certificate"},
				 {9, "it isn't valid yet", "clocks"},
				 {62, "it is for another host name", "advertised.listeners"},
				 {64, "it is for another address", "advertised.listeners"},
				 {19, "its CA isn't a trusted one", "kafka.ssl.ca.location"},
				 {20, "its CA isn't a trusted one", "kafka.ssl.ca.location"},
				 {7, "it can't be verified", "kafka.ssl.ca.location"}};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char kept[KAFKA_CERTIFICATE_TEXT] = "";
		char line[300];

		snprintf(line, sizeof(line),
				 "[thrd:x]: ssl://h:1/bootstrap: Broker SSL certificate verification callback "
				 "failed: %s",
				 kafka_certificate_problem(cases[i].number));
		kafka_certificate_note(kept, "FAIL", line);
		assert_string_equal(kept, "");
		kafka_certificate_note(kept, "SSLCERTVRFY", line);
		assert_string_equal(kept, cases[i].words);
		assert_true(refused(KAFKA_TROUBLE_SSL, text, kept, V2_0_2));
		assert_non_null(strstr(error.message, cases[i].words));
		assert_non_null(strstr(error.hint, cases[i].hint));
		assert_null(strstr(error.detail, "(after"));
	}
	assert_true(refused(KAFKA_TROUBLE_SSL, text, "", V2_0_2));
}

static void
tells_a_refused_client(void **state)
{
	static const char *const alerts[] = {
		"ssl://h:1/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert bad "
		"certificate: SSL alert number 42 (after 20ms in state APIVERSION_QUERY)",
		"ssl://h:1/bootstrap: Receive failed: error:0A000416:SSL routines::sslv3 alert certificate "
		"unknown: SSL alert number 46 (after 42ms in state APIVERSION_QUERY)",
		"ssl://h:1/bootstrap: error:0A000418:SSL routines::tlsv1 alert unknown ca: SSL alert "
		"number "
		"48",
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(alerts); i++)
	{
		assert_true(refused(KAFKA_TROUBLE_TRANSPORT, alerts[i], "", V2_0_2));
		assert_non_null(strstr(error.hint, "kafka.ssl.certificate.location"));
	}
}

static void
tells_a_refused_login(void **state)
{
	static const char scram[] =
		"sasl_ssl://h:1/bootstrap: SASL authentication error: Authentication failed during "
		"authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 (after 342ms "
		"in state AUTH_REQ)";

	(void) state;
	assert_true(refused(KAFKA_TROUBLE_AUTHENTICATION,
						"sasl_plaintext://h:1/bootstrap: SASL authentication error: Authentication "
						"failed: Invalid username or password (after 301ms in state AUTH_REQ)",
						"", V2_0_2));
	assert_non_null(strstr(error.hint, "kafka.sasl.password"));
	assert_null(strstr(error.message, "(after"));
	assert_true(refused(KAFKA_TROUBLE_AUTHENTICATION, scram, "", V2_0_2));
	assert_non_null(strstr(error.hint, "librdkafka 2.0.2 can't do SCRAM with Kafka 4"));
	assert_true(refused(KAFKA_TROUBLE_AUTHENTICATION, scram, "", V2_6_0));
	assert_non_null(strstr(error.hint, "2.6.1"));
	assert_true(refused(KAFKA_TROUBLE_AUTHENTICATION, scram, "", V2_6_1));
	assert_null(strstr(error.hint, "2.6.1"));
	assert_true(refused(KAFKA_TROUBLE_AUTHENTICATION,
						"sasl_plaintext://h:1/bootstrap: SASL PLAIN mechanism handshake failed: "
						"Broker: Unsupported SASL mechanism: broker's supported mechanisms: SCRAM",
						"", V2_0_2));
	assert_non_null(strstr(error.hint, "kafka.sasl.mechanism"));
}

static void
lets_pass_what_may_pass(void **state)
{
	static const char *const texts[] = {
		"ssl://h:1/bootstrap: SSL handshake failed: error:0A000126:SSL routines::unexpected eof "
		"while reading",
		"h:1/bootstrap: Disconnected while requesting ApiVersion: might be caused by incorrect "
		"security.protocol configuration",
		"h:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused",
		"",
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(texts); i++)
	{
		assert_false(refused(KAFKA_TROUBLE_SSL, texts[i], "it has expired", V2_0_2));
		assert_false(refused(KAFKA_TROUBLE_TRANSPORT, texts[i], "", V2_0_2));
	}
	assert_false(refused(KAFKA_TROUBLE_OTHER, "certificate verify failed", "", V2_0_2));
}

static void
hints_at_what_libpq_lacks(void **state)
{
	static const struct
	{
		const char *message;
		const char *hint;
	} cases[] = {
		{"connection to server at \"localhost\" (127.0.0.1), port 1 failed: SSL error: certificate "
		 "verify failed\n",
		 "sslrootcert"},
		{"server certificate for \"localhost\" does not match host name \"127.0.0.1\"\n", "host="},
		{"root certificate file \"/x\" does not exist\nEither provide the file\n", "sslrootcert"},
		{"server does not support SSL, but SSL was required\n", "sslmode"},
		{"private key file \"/x\" has group or world access; file must have permissions u=rw\n",
		 "chmod 600"},
		{"certificate present, but not private key file \"/x\"\n", "sslkey"},
		{"could not read certificate file \"/x\": No such file or directory\n", "sslcert"},
		{"channel binding required, but SSL not in use\n", "channel_binding"},
		{"SSL error: tlsv1 alert unknown ca\n", "sslcert"},
		{"port 1 failed: fe_sendauth: no password supplied\n", "password_file"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		const char *hint = pg_refusal_tls_hint(cases[i].message);

		if (hint == NULL || strstr(hint, cases[i].hint) == NULL)
			fail_msg("%s: %s", cases[i].message, hint != NULL ? hint : "nothing");
	}
	assert_null(pg_refusal_tls_hint("connection to server failed: Connection refused\n"));
	assert_null(pg_refusal_tls_hint("SSL connection has been closed unexpectedly\n"));
	assert_null(pg_refusal_tls_hint(""));
}

static void
takes_one_trouble_for_one_kind(void **state)
{
	static const char *const lines[] = {
		"127.0.0.1:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in "
		"state CONNECT)",
		"[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Connect to ipv4#127.0.0.1:9092 failed: "
		"Connection refused (after 12ms in state CONNECT, 30 identical error(s) suppressed)",
		"[thrd:127.0.0.1:9092/bootstrap]: 127.0.0.1:9092/bootstrap: Connect to "
		"ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
	};
	LogRepeat repeat = {0};
	unsigned long suppressed;
	char kind[256];

	(void) state;
	for (size_t i = 0; i < LENGTH(lines); i++)
	{
		kafka_complaint_kind(lines[i], kind, sizeof(kind));
		assert_int_equal(log_repeat_pass(&repeat, kind, 1, 1000, &suppressed), i == 0);
	}
	kafka_complaint_kind("[thrd:main]: 1/1 brokers are down", kind, sizeof(kind));
	assert_string_equal(kind, "1/1 brokers are down");
	kafka_complaint_kind("[thrd:", kind, sizeof(kind));
	assert_string_equal(kind, "[thrd:");
	kafka_complaint_kind("x/bootstrap: no", kind, sizeof(kind));
	assert_string_equal(kind, "x/: no");
	kafka_complaint_kind(lines[1], kind, 8);
	assert_int_equal(strlen(kind), 7);
}

/* As librdkafka has them; nothing of what it quotes is left. */
static void
quotes_no_token(void **state)
{
	static const char *const texts[] = {
		"Failed to acquire SASL OAUTHBEARER token: Unrecognized sasl.oauthbearer.config beginning "
		"at: secret=1",
		"Invalid sasl.oauthbearer.config: non-integral 'life' in secret: secret",
		"SASL/OAUTHBEARER extension keys must only consist of A-Z or a-z characters: secret (1)",
	};
	char room[KAFKA_TEXT_SIZE];

	(void) state;
	for (size_t i = 0; i < LENGTH(texts); i++)
	{
		const char *told = kafka_text(texts[i], room);

		assert_null(strstr(told, "secret"));
		assert_non_null(strcasestr(told, "oauthbearer"));
		error_clear(&error);
		assert_true(kafka_refusal(&error, KAFKA_TROUBLE_AUTHENTICATION, texts[i], "", 0));
		assert_null(strstr(error.message, "secret"));
	}
	assert_string_equal(kafka_text("anything else: secret", room), "anything else: secret");
}

static void
hints_at_the_role(void **state)
{
	(void) state;
	assert_non_null(
		strstr(pg_refusal_role_hint("FATAL:  28000: role \"nobody\" does not exist\n"), "user="));
	assert_non_null(strstr(
		pg_refusal_role_hint("FATAL:  28000: role \"app\" is not permitted to log in\n"), "LOGIN"));
	assert_null(pg_refusal_role_hint("FATAL:  3D000: database \"role\" does not exist\n"));
	assert_null(pg_refusal_role_hint("role \"x\" is tired"));
}

typedef struct Property
{
	const char *name;
	const char *value;
} Property;

static bool
get_property(void *conf, const char *name, char *value, size_t size)
{
	const Property *property = conf;

	if (strcmp(property->name, name) != 0)
		return false;
	snprintf(value, size, "%s", property->value);
	return true;
}

static void
names_the_file_that_is_missing(void **state)
{
	static const char reason[] = "ssl.ca.location failed: error:05880002:x509 certificate "
								 "routines::system lib";
	Property ca = {"ssl.ca.location", "/nowhere/ca.crt"};

	(void) state;
	error_clear(&error);
	assert_false(kafka_setup_refusal(&error, reason, get_property, &ca));
	assert_string_equal(error.message,
						"could not set up the Kafka client: the file \"/nowhere/ca.crt\" of "
						"\"kafka.ssl.ca.location\" could not be opened: No such file or directory");
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
	/* It is there, and is no certificate. */
	ca.value = "/dev/null";
	error_clear(&error);
	assert_false(kafka_setup_refusal(&error, reason, get_property, &ca));
	assert_non_null(strstr(error.message, reason));
	assert_string_equal(error.detail, "\"kafka.ssl.ca.location\" is \"/dev/null\".");
	/* Another reason. */
	error_clear(&error);
	assert_false(kafka_setup_refusal(&error, "contradiction", get_property, &ca));
	assert_string_equal(error.message, "could not set up the Kafka client: contradiction");
	assert_string_equal(error.detail, "");
	ca.value = "probe";
	error_clear(&error);
	assert_false(kafka_setup_refusal(&error, reason, get_property, &ca));
	assert_null(strstr(error.message, "opened"));
}

static void
mends_what_a_server_refuses(void **state)
{
	static const char *const incomplete[] = {
		"pg_hba.conf",			 "pg_hba.conf \"h",			"pg_hba.conf \"h\"",
		"pg_hba.conf \"h\" \"u", "pg_hba.conf \"h\" \"u\"", "\"h\" \"u\" \"d\"",
	};
	char line[100];

	(void) state;
	for (size_t i = 0; i < LENGTH(incomplete); i++)
		assert_false(pg_refusal_hba_line(incomplete[i], line, sizeof(line)));
	assert_true(pg_refusal_hba_line("pg_hba.conf \"h\" \"u\" \"d\"", line, sizeof(line)));
	assert_string_equal(line, "host \"d\" \"u\" h/32 scram-sha-256");
	assert_string_equal(pg_refusal_encryption_hint("SSL encryption"), "");
	assert_string_not_equal(pg_refusal_encryption_hint("host \"h\", no encryption"), "");
	assert_null(pg_refusal_role_hint("database \"d\" does not exist"));
	assert_null(pg_refusal_role_hint("role \"r\" is tired"));
	assert_non_null(strstr(pg_refusal_role_hint("role \"r\" does not exist"), "user="));
	assert_string_equal(pg_refusal_role_hint("role \"r\" is not permitted to log in"),
						"ALTER ROLE ... LOGIN.");
}

static void
keeps_only_what_is_about_a_certificate(void **state)
{
	char kept[KAFKA_CERTIFICATE_TEXT] = "before";

	(void) state;
	kafka_certificate_note(kept, "SSLCERTVRFY", "something else");
	assert_string_equal(kept, "before");
	kafka_certificate_note(kept, "FAIL", "callback failed: x");
	assert_string_equal(kept, "before");
	kafka_certificate_note(kept, "SSLCERTVRFY", "callback failed: x");
	assert_string_equal(kept, "x");
	assert_true(
		refused(KAFKA_TROUBLE_SSL, "tlsv1 alert unknown ca: SSL alert number 48", "", V2_6_1));
	assert_false(refused(KAFKA_TROUBLE_SSL, "decode error: SSL alert number 50", "", V2_6_1));
	assert_false(refused(KAFKA_TROUBLE_SSL, "certificate", "", V2_6_1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mends_what_a_server_refuses),
		cmocka_unit_test(keeps_only_what_is_about_a_certificate),
		cmocka_unit_test(names_what_a_certificate_lacks),
		cmocka_unit_test(tells_a_refused_client),
		cmocka_unit_test(tells_a_refused_login),
		cmocka_unit_test(lets_pass_what_may_pass),
		cmocka_unit_test(hints_at_what_libpq_lacks),
		cmocka_unit_test(quotes_no_token),
		cmocka_unit_test(hints_at_the_role),
		cmocka_unit_test(names_the_file_that_is_missing),
		cmocka_unit_test(takes_one_trouble_for_one_kind),
	};

	return cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
}
