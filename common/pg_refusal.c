/*
 * pg_refusal.c
 *	  What mends a PostgreSQL server's, or libpq's, refusal to connect.
 */
#include "pg_refusal.h"

#include <stdio.h>
#include <string.h>

typedef struct TlsRefusal
{
	const char *words;
	const char *hint;
} TlsRefusal;

/* The first that fits.  From libpq 15 to 18. */
static const TlsRefusal tls_refusals[] = {
	{"does not match host name",
	 "In host=, use a name that the server's certificate has, or give the server one with this "
	 "name; sslmode=verify-ca doesn't look at it."},
	{"certificate verify failed",
	 "Name the CA that signed the server's certificate with sslrootcert; if that is right, the "
	 "certificate may have expired."},
	{"root certificate file", "Name the CA's certificate with sslrootcert."},
	{"server does not support SSL",
	 "Switch ssl on at the server, or take sslmode away where nobody can listen."},
	{"has group or world access", "chmod 600, or 640 when root owns it."},
	{"private key file", "Name the key of the client's certificate with sslkey, and let the user "
						 "that this program runs as read it."},
	{"certificate file", "Name the client's certificate with sslcert, and let the user that this "
						 "program runs as read it."},
	{"could not load root", "Name the CA's certificate with sslrootcert."},
	{"tlsv13 alert certificate required", "Name a client's certificate with sslcert and sslkey."},
	{"alert unknown ca", "The server doesn't trust the CA of the client's certificate (sslcert)."},
	{"alert certificate", "The server refuses the client's certificate (sslcert)."},
	{"no password supplied",
	 "The server asks for a password: set password_file beside conninfo, or PGPASSFILE, or "
	 "passfile= in the string."},
	{"channel binding",
	 "channel_binding=require needs TLS, and a password that is stored as scram-sha-256."},
};

const char *
pg_refusal_tls_hint(const char *message)
{
	for (size_t i = 0; i < sizeof(tls_refusals) / sizeof(tls_refusals[0]); i++)
	{
		if (strstr(message, tls_refusals[i].words) != NULL)
			return tls_refusals[i].hint;
	}
	return NULL;
}

const char *
pg_refusal_role_hint(const char *message)
{
	const char *role = strstr(message, "role \"");

	if (role == NULL)
		return NULL;
	if (strstr(role, "does not exist") != NULL)
		return "Name the role with user= in the connection string: without it libpq takes PGUSER, "
			   "or the name of the system's user.";
	return strstr(role, "not permitted to log in") != NULL ? "ALTER ROLE ... LOGIN." : NULL;
}

const char *
pg_refusal_encryption_hint(const char *message)
{
	return strstr(message, "no encryption") != NULL
			   ? "If pg_hba.conf has a hostssl line for it, set sslmode=verify-full. Or: "
			   : "";
}

/* The n-th text in double quotes; false when there is none. */
static bool
quoted_text(const char *message, int n, char *out, size_t size)
{
	const char *start = message;
	const char *end = NULL;

	for (int i = 0; i <= n; i++)
	{
		start = strchr(end != NULL ? end + 1 : start, '"');
		end = start != NULL ? strchr(++start, '"') : NULL;
		if (end == NULL)
			return false;
	}
	return (size_t) snprintf(out, size, "%.*s", (int) (end - start), start) < size;
}

bool
pg_refusal_hba_line(const char *message, char *out, size_t size)
{
	const char *at = strstr(message, "pg_hba.conf");
	char host[128];
	char user[128];
	char database[128];
	int len;

	if (at == NULL || !quoted_text(at, 0, host, sizeof(host)) ||
		!quoted_text(at, 1, user, sizeof(user)) || !quoted_text(at, 2, database, sizeof(database)))
		return false;
	if (strcmp(host, "[local]") == 0)
		len = snprintf(out, size, "local \"%s\" \"%s\" scram-sha-256", database, user);
	else
		len = snprintf(out, size, "host \"%s\" \"%s\" %s/%s scram-sha-256", database, user, host,
					   strchr(host, ':') != NULL ? "128" : "32");
	return len >= 0 && (size_t) len < size;
}
