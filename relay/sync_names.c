/*
 * sync_names.c
 *	  synchronous_standby_names: whether commits wait for a client of some name.
 *
 *	value	= list | [ "FIRST" | "ANY" ] number "(" list ")"
 *	list	= name { "," name }			name = word | '"' text '"' | "*"
 *
 * Refuses nothing: the server has parsed the value before.
 */
#include "sync_names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_SIZE 64

/* An element of the list: the text as it stands there, and the name that it means. */
typedef struct SyncName
{
	const char *start;
	size_t len;
	char name[NAME_SIZE];
} SyncName;

/* Where the list begins: behind the parenthesis, if there is one. */
static const char *
list_of(const char *names)
{
	bool quoted = false;

	for (const char *at = names; *at != '\0'; at++)
	{
		if (*at == '"')
			quoted = !quoted;
		else if (*at == '(' && !quoted)
			return at + 1;
	}
	return names;
}

/* false at the end. */
static bool
next_name(const char **at, SyncName *name)
{
	size_t used = 0;
	bool quoted = false;
	const char *end;

	*at += strspn(*at, ", \t\r\n");
	if (**at == '\0' || **at == ')')
		return false;
	name->start = *at;
	for (end = *at; *end != '\0' && (quoted || strchr(", \t\r\n)", *end) == NULL); end++)
	{
		if (*end == '"' && quoted && end[1] == '"')
			end++; /* a doubled one stands for itself */
		else if (*end == '"')
		{
			quoted = !quoted;
			continue;
		}
		if (used < sizeof(name->name) - 1)
			name->name[used++] = *end;
	}
	name->name[used] = '\0';
	name->len = (size_t) (end - *at);
	*at = end;
	return true;
}

/* A quoted star is a name like others, but the server doesn't tell them apart either. */
static bool
fits(const SyncName *name, const char *application_name)
{
	return strcmp(name->name, "*") == 0 || strcasecmp(name->name, application_name) == 0;
}

bool
sync_names_include(const char *names, const char *application_name)
{
	const char *at = list_of(names);
	SyncName name;

	while (next_name(&at, &name))
	{
		if (fits(&name, application_name))
			return true;
	}
	return false;
}

typedef struct Kept
{
	char list[1024];
	size_t used;
	int count;
	bool cut;
} Kept;

static void
keep(Kept *kept, const char *text, size_t len)
{
	int n = snprintf(kept->list + kept->used, sizeof(kept->list) - kept->used, "%s%.*s",
					 kept->count > 0 ? ", " : "", (int) len, text);

	if (n < 0 || (size_t) n >= sizeof(kept->list) - kept->used)
		kept->cut = true;
	else
		kept->used += (size_t) n;
	kept->count++;
}

/* "ANY" or "FIRST" (also when nothing is said), and how many. */
static void
read_method(const char *names, const char *list, bool *any, int *number)
{
	const char *at = names + strspn(names, " \t\r\n");

	*any = list != names && strncasecmp(at, "ANY", 3) == 0;
	while (at < list && !isdigit((unsigned char) *at))
		at++;
	*number = at < list ? (int) strtol(at, NULL, 10) : 1;
}

bool
sync_names_without(const char *names, const char *application_name, const char *standbys, char *out,
				   size_t size)
{
	const char *list = list_of(names);
	const char *at = list;
	Kept kept = {.count = 0};
	SyncName name;
	bool any;
	int number;
	size_t used;
	char value[sizeof(kept.list) + 32];

	while (next_name(&at, &name))
	{
		const char *others = standbys;
		SyncName other;

		if (!fits(&name, application_name))
			keep(&kept, name.start, name.len);
		else if (strcmp(name.name, "*") == 0)
			while (next_name(&others, &other))
				keep(&kept, other.start, other.len);
	}
	read_method(names, list, &any, &number);
	if (number > kept.count)
		number = kept.count;
	if (kept.count == 0)
		value[0] = '\0';
	else
		snprintf(value, sizeof(value), "%s %d (%s)", any ? "ANY" : "FIRST", number, kept.list);
	/* A quote is doubled in postgresql.conf. */
	used = 0;
	for (const char *from = value; *from != '\0' && used + 4 < size; from++)
	{
		if (used == 0)
			out[used++] = '\'';
		if (*from == '\'')
			out[used++] = '\'';
		out[used++] = *from;
	}
	if (used == 0)
		out[used++] = '\'';
	out[used++] = '\'';
	out[used] = '\0';
	return !kept.cut && used >= strlen(value) + 2;
}
