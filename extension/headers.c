/*
 * headers.c
 *	  Which headers an event may have: a flat object, without the names that the
 *	  relay gives, and not more than a record can carry.  outbox-replayed is for the
 *	  owner of outbox.event.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/jsonb.h"

#include "check.h"
#include "compat.h"
#include "partition.h"
#include "pg_outbox.h"

#define HEADER_REPLAYED "outbox-replayed"

static bool
is_name(const char *name, int len, const char *wanted)
{
	return (int) strlen(wanted) == len && memcmp(wanted, name, len) == 0;
}

/*
 * The owner of the table may say that an event is sent again: outbox.redrive() does, with the
 * owner's rights, and a restore has to be able to.
 */
static bool
is_reserved(const char *name, int len)
{
	if (is_name(name, len, HEADER_REPLAYED))
		return !outbox_owns_relation(outbox_table_oid(OUTBOX_TABLE_EVENT), GetUserId());
	return is_name(name, len, "id") || is_name(name, len, "type") ||
		   is_name(name, len, "outbox-position");
}

/* Comes on top of what a writer may give. */
static int
replayed_count(const Jsonb *headers)
{
	JsonbValue name = {.type = jbvString};

	name.val.string.val = HEADER_REPLAYED;
	name.val.string.len = (int) strlen(HEADER_REPLAYED);
	return findJsonbValueFromContainer(unconstify(JsonbContainer *, &headers->root), JB_FOBJECT,
									   &name) != NULL
			   ? 1
			   : 0;
}

static void
check_limits(const Jsonb *headers)
{
	int count = (int) JB_ROOT_COUNT(headers);
	Size size = VARSIZE(headers) - VARHDRSZ;

	if (count > OUTBOX_MAX_HEADERS && count - replayed_count(headers) > OUTBOX_MAX_HEADERS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many headers"),
						errdetail("There are %d, the limit is %d.", count, OUTBOX_MAX_HEADERS),
						errhint("Put some of them into the payload.")));
	if (size > OUTBOX_MAX_HEADER_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("headers are too large"),
				 errdetail("They have %zu bytes, the limit is %d.", size, OUTBOX_MAX_HEADER_BYTES),
				 errhint("Put some of them into the payload.")));
}

void
outbox_check_headers(Jsonb *headers)
{
	JsonbIterator *it;
	JsonbValue value;
	JsonbIteratorToken token;

	if (!JB_ROOT_IS_OBJECT(headers))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("headers must be a JSON object"),
				 errdetail("They are an array or a single value."),
				 errhint("Pass an object such as {\"tenant\": \"north\"}.")));
	check_limits(headers);
	it = JsonbIteratorInit(&headers->root);
	(void) JsonbIteratorNext(&it, &value, true);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY && is_reserved(value.val.string.val, value.val.string.len))
			ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME),
							errmsg("header \"%.*s\" is reserved", value.val.string.len,
								   value.val.string.val),
							errdetail("outbox-relay writes a header of this name to every record."),
							errhint("Choose another name.")));
		if (token == WJB_VALUE && value.type == jbvBinary)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("headers must be a flat JSON object"),
							errdetail("The value of a header is an object or an array."),
							errhint("Pass nested values as text, or put them into the payload.")));
	}
}
