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

#define SHOWN_MAX ((size_t) 1 << 20)
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

/* Whether libpq would log in with it. */
static bool
is_password(const char *text)
{
	PQconninfoOption *parsed = PQconninfoParse(text, NULL);
	bool found = false;

	for (const PQconninfoOption *option = parsed; option != NULL && option->keyword != NULL;
		 option++)
		found |= strcmp(option->keyword, "password") == 0 && option->val != NULL &&
				 strstr(option->val, SECRET) != NULL;
	PQconninfoFree(parsed);
	return found;
}

/* A password that is nowhere else in the string is in nothing that people see. */
static void
check_secret(const char *text)
{
	const char *first = strstr(text, SECRET);
	bool secret = first != NULL && strstr(first + 1, SECRET) == NULL && is_password(text);
	Buffer shown;

	buffer_init(&shown, SHOWN_MAX);
	options_mask_conninfo(&shown, text);
	FUZZ_ASSERT(!shown.failed && (!secret || strstr(shown.data, SECRET) == NULL));
	FUZZ_ASSERT(!secret || options_conninfo_has_secret(text));
	buffer_reset(&shown);
	options_conninfo_complaint(&shown, text, "invalid \"" SECRET "\" in it\n");
	FUZZ_ASSERT(!shown.failed && (!secret || strstr(shown.data, SECRET) == NULL));
	buffer_free(&shown);
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
	text = fuzz_text(data + 1, size - 1);
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
