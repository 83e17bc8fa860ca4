/*
 * fuzz_servers.c
 *	  Any text as where a server is: brokers, a connection string and its hosts, the Host of a
 *	  request, a server's list of standbys.  The first byte says which.
 */
#include "fuzz.h"

#include <libpq-fe.h>
#include <string.h>

#include "exit_codes.h"
#include "kafka_servers.h"
#include "loopback.h"
#include "options.h"
#include "pg_conninfo.h"
#include "pg_hosts.h"
#include "relay_options.h"
#include "sync_names.h"

#define MASKED_MAX ((size_t) 1 << 20)
#define SECRET "s3cr3t"

static const char *conninfo;

/* pg_hosts_read() asks what a connection was told: here there is none. */
PQconninfoOption *
PQconninfo(PGconn *conn)
{
	(void) conn;
	return PQconninfoParse(conninfo, NULL);
}

static void
check_refused(const Error *error)
{
	FUZZ_ASSERT(error->error_class == ERROR_CLASS_PERMANENT && error->exit_code == EXIT_CONFIG &&
				error->message[0] != '\0');
}

static void
brokers(const char *text)
{
	static const char *const protocols[] = {"plaintext", "SASL_SSL"};
	Error error;

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
	{
		error_clear(&error);
		if (!kafka_servers_check(text, "file x:1", protocols[i], &error))
			check_refused(&error);
	}
}

/* libpq gets one host at a time, and as many as there are. */
static void
check_hosts(const char *text)
{
	PgHosts hosts;
	Error error;

	conninfo = text;
	error_clear(&error);
	if (!pg_hosts_read(&hosts, NULL, &error))
	{
		FUZZ_ASSERT(error.error_class != ERROR_CLASS_NONE);
		return;
	}
	FUZZ_ASSERT(hosts.count >= 1 && hosts.patience >= 2 * USEC_PER_SEC);
	for (int host = 0; host < hosts.count && host < 100; host++)
	{
		const char *keywords[3];
		const char *values[3];
		int n = pg_hosts_put(&hosts, host, keywords, values, 0);

		FUZZ_ASSERT(n >= 0 && n <= 3);
		for (int i = 0; i < n; i++)
		{
			FUZZ_ASSERT(strchr(values[i], ',') == NULL);
			free((char *) values[i]);
		}
	}
	pg_hosts_free(&hosts);
}

/* The password of a string that libpq takes is in nothing that people see. */
static void
check_secret(const char *text)
{
	PQconninfoOption *parsed = PQconninfoParse(text, NULL);
	Buffer masked;
	bool secret = false;

	for (const PQconninfoOption *option = parsed; option != NULL && option->keyword != NULL;
		 option++)
		secret |= strcmp(option->keyword, "password") == 0 && option->val != NULL &&
				  strstr(option->val, SECRET) != NULL;
	PQconninfoFree(parsed);
	buffer_init(&masked, MASKED_MAX);
	options_mask_conninfo(&masked, text);
	if (secret)
	{
		FUZZ_ASSERT(options_conninfo_has_secret(text));
		FUZZ_ASSERT(masked.failed || strstr(masked.data, SECRET) == NULL || strstr(text, SECRET) !=
																				strstr(strstr(text, SECRET), SECRET));
	}
	buffer_reset(&masked);
	options_conninfo_complaint(&masked, text, "invalid \"" SECRET "\" in it\n");
	FUZZ_ASSERT(!secret || strstr(masked.data, SECRET) == NULL);
	buffer_free(&masked);
}

static void
connection(const char *text)
{
	Options *options = options_create(&relay_option_table);
	Error error;

	FUZZ_ASSERT(options != NULL);
	error_clear(&error);
	if (!options_set(options, "postgres.conninfo", text, "command line", &error) ||
		!pg_conninfo_check(options, "postgres", &error))
		check_refused(&error);
	else
		check_hosts(text);
	check_secret(text);
	options_free(options);
}

/* Without a name nobody of that name is in it. */
static void
standbys(const char *text)
{
	char value[2048];

	if (!sync_names_without(text, "relay", "a, \"b\"", value, sizeof(value)))
		return;
	FUZZ_ASSERT(strlen(value) >= 2 && value[0] == '\'' && value[strlen(value) - 1] == '\'');
	/* What a file says in quotes. */
	value[strlen(value) - 1] = '\0';
	if (strchr(value + 1, '\'') == NULL)
		FUZZ_ASSERT(!sync_names_include(value + 1, "relay"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = strndup((const char *) data + 1, size - 1);
	FUZZ_ASSERT(text != NULL);
	switch (data[0])
	{
		case 'k':
			brokers(text);
			break;
		case 'p':
			connection(text);
			break;
		case 'h':
			(void) loopback_host(text);
			break;
		case 'n':
			standbys(text);
			break;
		default:
			break;
	}
	free(text);
	return 0;
}
