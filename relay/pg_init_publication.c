/*
 * pg_init_publication.c
 *	  init: the publication that the slot's stream is of.
 *
 * Refuses nothing itself; the server refuses a role without the right.
 *
 * Invariant: at no moment is a row written while there is no publication.
 */
#include "pg_init_publication.h"

#include "buffer.h"
#include "pg_command.h"
#include "pg_error.h"

#include <string.h>

#define STATEMENT_MAX 4096
#define EVENT_COLUMNS                                                                              \
	"id, aggregatetype, aggregateid, type, payload, payload_bytes, headers, created_at"

bool
pg_init_publication(PgLink *link, const char *name, RelayFacts *facts, SayFn say, void *arg,
					Error *error)
{
	bool make = !facts->publication_found;
	char *quoted;
	Buffer sql;
	bool ok;

	if (!make && facts->publication_problem[0] == '\0')
		return true;
	quoted = PQescapeIdentifier(link->conn, name, strlen(name));
	if (quoted == NULL)
		return pg_error_lost(error, link->conn, "quote a name");
	buffer_init(&sql, STATEMENT_MAX);
	/*
	 * Made anew and not altered: one FOR ALL TABLES can't become another.  Several
	 * statements in one string are one transaction, so that no row of the WAL was
	 * written without a publication.
	 */
	if (!make)
		buffer_printf(&sql, "DROP PUBLICATION %s; ", quoted);
	buffer_printf(&sql,
				  "CREATE PUBLICATION %s FOR TABLE outbox.event (" EVENT_COLUMNS
				  ") WITH (publish = 'insert', publish_via_partition_root = true)",
				  quoted);
	ok =
		!sql.failed && pg_command_only(link, make ? "make the publication" : "mend the publication",
									   sql.data, NULL, 0, error);
	PQfreemem(quoted);
	buffer_free(&sql);
	/* The relay's own role can't be granted this. */
	if (!ok && strcmp(error->sqlstate, "42501") == 0)
		error_hint(error,
				   "Run init once as a superuser, or as the owner of outbox.event with CREATE "
				   "on the database: add --postgres-conninfo with that role. The relay's "
				   "own role is for run.");
	if (ok && make)
		say_text(say, arg, false, "made the publication \"%s\"", name);
	else if (ok)
		say_text(say, arg, false, "mended the publication \"%s\": %s", name,
				 facts->publication_problem);
	facts->publication_found = ok;
	facts->publication_problem[0] = '\0';
	return ok;
}
