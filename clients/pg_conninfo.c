/*
 * pg_conninfo.c
 *	  Whether a connection string is one that can be tried at all.
 *
 * Refuses, with EXIT_CONFIG, what libpq would refuse before it asks a server: words that it
 * doesn't know, values that it can't take, a service that no file defines.  Tried again, none
 * of this would pass.  Nothing is connected.
 */
#include "pg_conninfo.h"

#include "exit_codes.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

/* No address: that libpq complains of it means that it had no other complaint. */
#define NO_ADDRESS "outbox-check"

/* What is checked, and where it is from. */
typedef struct Checked
{
	const char *section;
	const char *conninfo;
	const char *origin; /* "" when nobody set it */
	const char *colon;
} Checked;

#define INVALID "%s%sinvalid \"%s.conninfo\""

static bool
refuse(const Checked *checked, const char *message, Error *error)
{
	Buffer complaint;

	buffer_init(&complaint, 1000);
	options_conninfo_complaint(&complaint, checked->conninfo,
							   message != NULL ? message : "out of memory");
	error_permanent(error, EXIT_CONFIG, INVALID ": %s", checked->origin, checked->colon,
					checked->section, complaint.failed ? "out of memory" : complaint.data);
	buffer_free(&complaint);
	return false;
}

/* libpq looks at it when it connects, and a name might be one that comes later. */
static bool
check_ports(const Checked *checked, PQconninfoOption *parsed, Error *error)
{
	bool ok = true;

	for (PQconninfoOption *option = parsed; ok && option->keyword != NULL; option++)
	{
		if (strcmp(option->keyword, "port") == 0 && option->val != NULL)
			ok = option->val[strspn(option->val, "0123456789,")] == '\0';
	}
	PQconninfoFree(parsed);
	return ok || error_permanent(error, EXIT_CONFIG, INVALID ": the port is no number",
								 checked->origin, checked->colon, checked->section);
}

static bool
check_text(const Checked *checked, Error *error)
{
	char *message = NULL;
	PQconninfoOption *parsed;

	if (!options_conninfo_is_plain(checked->conninfo))
	{
		error_permanent(error, EXIT_CONFIG,
						INVALID ": an at sign too many, or a port that is no number",
						checked->origin, checked->colon, checked->section);
		return error_hint(error,
						  "In the password of a URI \"@\" is written as %%40, \"/\" as "
						  "%%2F, \":\" as %%3A; or put it into \"%s.password_file\".",
						  checked->section);
	}
	parsed = PQconninfoParse(checked->conninfo, &message);
	if (parsed != NULL)
		return check_ports(checked, parsed, error);
	refuse(checked, message, error);
	PQfreemem(message);
	return false;
}

bool
pg_conninfo_check(const Options *options, const char *section, Error *error)
{
	static const char *const keywords[] = {"dbname", "host", "hostaddr", "port", NULL};
	const char *values[] = {NULL, "localhost", NO_ADDRESS, "1", NULL};
	Checked checked = {.section = section, .origin = "", .colon = ""};
	char name[32];
	PGconn *conn;
	bool ok;

	snprintf(name, sizeof(name), "%s.conninfo", section);
	checked.conninfo = values[0] = options_conninfo(options, name);
	if (strcmp(options_origin(options, name), "default") != 0)
	{
		checked.origin = options_origin(options, name);
		checked.colon = ": ";
	}
	if (!check_text(&checked, error))
		return false;
	/* With the environment, the service file and the values themselves. */
	conn = PQconnectStartParams(keywords, values, 1);
	if (conn == NULL)
		return error_bug(error, "out of memory");
	ok = strstr(PQerrorMessage(conn), NO_ADDRESS) != NULL ||
		 refuse(&checked, PQerrorMessage(conn), error);
	PQfinish(conn);
	return ok;
}
