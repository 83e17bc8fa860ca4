/*
 * pg_error.c
 *	  Errors of the server and of libpq as Error values.
 *
 * Invariants: a message is one line; a class is chosen by SQLSTATE, never by the
 * words of the server's message, which may be translated.  Only what libpq itself
 * says of TLS has no SQLSTATE: pg_refusal.h.
 */
#include "pg_error.h"

#include "exit_codes.h"
#include "pg_refusal.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

typedef struct SqlstateRule
{
	const char *prefix;
	SqlstateClass outcome;
} SqlstateRule;

/* The first that fits. */
static const SqlstateRule rules[] = {
	{"28", {ERROR_CLASS_PERMANENT, EXIT_PERMISSION}},
	{"42501", {ERROR_CLASS_PERMANENT, EXIT_PERMISSION}},
	{"3D", {ERROR_CLASS_PERMANENT, EXIT_CONFIG}},			  /* no such database */
	{"3F", {ERROR_CLASS_PERMANENT, EXIT_NOT_INITIALIZED}},	  /* no such schema */
	{"42P01", {ERROR_CLASS_PERMANENT, EXIT_NOT_INITIALIZED}}, /* no such table */
	{"42883", {ERROR_CLASS_PERMANENT, EXIT_NOT_INITIALIZED}}, /* no such function */
	{"42703", {ERROR_CLASS_PERMANENT, EXIT_NOT_INITIALIZED}}, /* no such column */
	{"0A", {ERROR_CLASS_PERMANENT, EXIT_SERVER}},
	{"42601", {ERROR_CLASS_BUG, EXIT_BUG}},
};

SqlstateClass
pg_sqlstate_class(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0)
			return rules[i].outcome;
	}
	return (SqlstateClass){ERROR_CLASS_TRANSIENT, EXIT_OK};
}

bool
pg_find_sqlstate(const char *message, char *sqlstate)
{
	/* ":  28P01: " between the severity and the text. */
	for (const char *at = strstr(message, ":  "); at != NULL; at = strstr(at + 1, ":  "))
	{
		const char *code = at + 3;
		int len = 0;

		while (len < 5 &&
			   (isdigit((unsigned char) code[len]) || isupper((unsigned char) code[len])))
			len++;
		if (len == 5 && code[5] == ':')
		{
			memcpy(sqlstate, code, 5);
			sqlstate[5] = '\0';
			return true;
		}
	}
	return false;
}

/* The lines of libpq's message in one, without what VERBOSE and libpq add for people. */
static void
flatten(const char *message, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	while (*message != '\0')
	{
		size_t len = strcspn(message, "\n");

		if (len > 0 && *message != '\t' && strncmp(message, "LOCATION:", 9) != 0)
		{
			int n = snprintf(out + used, size - used, "%s%.*s", used > 0 ? "; " : "", (int) len,
							 message);

			used += n < 0 ? 0 : (size_t) n;
			if (used >= size)
				return;
		}
		message += len;
		if (*message == '\n')
			message++;
	}
}

static void
fill(Error *error, SqlstateClass outcome, const char *sqlstate, const char *doing,
	 const char *reason)
{
	switch (outcome.error_class)
	{
		case ERROR_CLASS_PERMANENT:
			error_permanent(error, outcome.exit_code, "could not %s: %s", doing, reason);
			break;
		case ERROR_CLASS_BUG:
			error_bug(error, "could not %s: %s", doing, reason);
			break;
		default:
			error_transient(error, "could not %s: %s", doing, reason);
			break;
	}
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate);
}

bool
pg_error_result(Error *error, const PGresult *result, const char *doing)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	char text[400];

	if (sqlstate == NULL)
		sqlstate = "";
	if (message == NULL)
		message = PQresultErrorMessage(result);
	flatten(*message != '\0' ? message : "unexpected result", text, sizeof(text));
	fill(error, pg_sqlstate_class(sqlstate), sqlstate, doing, text);
	if (detail != NULL)
		error_detail(error, "%s", detail);
	if (hint != NULL)
		error_hint(error, "%s", hint);
	else if (strcmp(sqlstate, "42501") == 0)
		error_hint(error, "outbox-relay doctor, as this role, prints the GRANT that is missing.");
	return false;
}

bool
pg_error_lost(Error *error, const PGconn *conn, const char *doing)
{
	char text[400];

	flatten(PQerrorMessage(conn), text, sizeof(text));
	return error_transient(error, "could not %s: %s", doing,
						   text[0] != '\0' ? text : "connection was closed");
}

bool
pg_error_connect(Error *error, const PGconn *conn, const char *doing)
{
	const char *message = PQerrorMessage(conn);
	const char *hint = NULL;
	SqlstateClass outcome;
	char sqlstate[6] = "";
	char text[400];
	char line[512];

	(void) pg_find_sqlstate(message, sqlstate);
	flatten(message, text, sizeof(text));
	if (sqlstate[0] == '\0' && (hint = pg_refusal_tls_hint(message)) != NULL)
		outcome = (SqlstateClass){ERROR_CLASS_PERMANENT, EXIT_PERMISSION};
	else
		outcome = pg_sqlstate_class(sqlstate);
	fill(error, outcome, sqlstate, doing, text);
	if (hint != NULL)
		return error_hint(error, "%s", hint);
	if (strncmp(sqlstate, "28", 2) == 0 && pg_refusal_hba_line(message, line, sizeof(line)))
		return error_hint(error, "%sAdd this line to pg_hba.conf, above the others, and reload: %s",
						  pg_refusal_encryption_hint(message), line);
	if (strcmp(sqlstate, "28000") == 0 && (hint = pg_refusal_role_hint(message)) != NULL)
		return error_hint(error, "%s", hint);
	if (strcmp(sqlstate, "42501") == 0)
		return error_hint(error, "ALTER ROLE \"%s\" REPLICATION: only such a role may read a slot.",
						  PQuser(conn));
	if (strcmp(sqlstate, "28P01") == 0)
		return error_hint(error, "See postgres.password_file, or the file that PGPASSFILE or "
								 "passfile= names.");
	if (strncmp(sqlstate, "3D", 2) == 0)
		error_hint(error, "See \"postgres.conninfo\": without dbname libpq takes the user's name.");
	return false;
}
