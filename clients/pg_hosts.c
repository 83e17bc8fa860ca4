/*
 * pg_hosts.c
 *	  The hosts of a connection string, one after the other.
 *
 * Refuses lists of hosts, addresses and ports that don't fit together, as libpq does.
 *
 * Invariants: connect_timeout means what it means to libpq: seconds for each host, at least 2;
 * but 0, which is no limit there, is 15 s here, for a daemon has to try again some day.
 */
#include "pg_hosts.h"

#include "exit_codes.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_USEC (15 * USEC_PER_SEC)
#define PATIENCE_MIN_SEC 2
#define PATIENCE_MAX_SEC 3600

static int
items(const char *list)
{
	int count = 1;

	if (list == NULL)
		return 0;
	for (; *list != '\0'; list++)
		count += *list == ',';
	return count;
}

/* One item, to be freed; of a list with one item it is that one. */
static char *
item(const char *list, int index)
{
	if (items(list) > 1)
	{
		for (; index > 0; index--)
			list += strcspn(list, ",") + 1;
	}
	return strndup(list, strcspn(list, ","));
}

static bool
keep(char **place, const char *value)
{
	if (value == NULL || *value == '\0')
		return true;
	*place = strdup(value);
	return *place != NULL;
}

static MonoUsec
patience_of(const char *connect_timeout)
{
	long seconds = connect_timeout != NULL ? strtol(connect_timeout, NULL, 10) : 0;

	if (seconds <= 0)
		return PATIENCE_USEC;
	if (seconds < PATIENCE_MIN_SEC)
		seconds = PATIENCE_MIN_SEC;
	if (seconds > PATIENCE_MAX_SEC)
		seconds = PATIENCE_MAX_SEC;
	return seconds * USEC_PER_SEC;
}

bool
pg_hosts_read(PgHosts *hosts, struct pg_conn *conn, Error *error)
{
	PQconninfoOption *options = PQconninfo(conn);
	bool ok = options != NULL;
	int ports;

	*hosts = (PgHosts){.patience = PATIENCE_USEC};
	for (const PQconninfoOption *option = options; ok && option->keyword != NULL; option++)
	{
		if (strcmp(option->keyword, "host") == 0)
			ok = keep(&hosts->names, option->val);
		else if (strcmp(option->keyword, "hostaddr") == 0)
			ok = keep(&hosts->addresses, option->val);
		else if (strcmp(option->keyword, "port") == 0)
			ok = keep(&hosts->ports, option->val);
		else if (strcmp(option->keyword, "connect_timeout") == 0)
			hosts->patience = patience_of(option->val);
	}
	PQconninfoFree(options);
	if (!ok)
	{
		pg_hosts_free(hosts);
		return error_bug(error, "out of memory");
	}
	hosts->count = hosts->names != NULL		  ? items(hosts->names)
				   : hosts->addresses != NULL ? items(hosts->addresses)
											  : 1;
	ports = items(hosts->ports);
	if ((hosts->names != NULL && hosts->addresses != NULL &&
		 items(hosts->addresses) != hosts->count) ||
		(ports > 1 && ports != hosts->count))
	{
		error_permanent(error, EXIT_CONFIG,
						"invalid connection string: its lists of hosts, addresses and ports "
						"don't have the same length");
		pg_hosts_free(hosts);
		return false;
	}
	return true;
}

void
pg_hosts_free(PgHosts *hosts)
{
	free(hosts->names);
	free(hosts->addresses);
	free(hosts->ports);
	*hosts = (PgHosts){0};
}

int
pg_hosts_put(const PgHosts *hosts, int host, const char **keywords, const char **values, int n)
{
	const char *const names[] = {"host", "hostaddr", "port"};
	const char *const lists[] = {hosts->names, hosts->addresses, hosts->ports};
	int first = n;

	for (int i = 0; i < 3; i++)
	{
		if (lists[i] == NULL)
			continue;
		keywords[n] = names[i];
		values[n] = item(lists[i], host);
		if (values[n++] != NULL)
			continue;
		while (--n > first)
			free((char *) values[n - 1]);
		return -1;
	}
	return n;
}
