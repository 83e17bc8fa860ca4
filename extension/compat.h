/*
 * compat.h
 *	  What differs between the server's major versions, and nothing else: the only
 *	  file that looks at PG_VERSION_NUM.
 *
 * 14 is refused.  It has no MarkGUCPrefixReserved(), no GRANT ... ON PARAMETER, and
 * no column lists in publications, without which outbox.event can't be published as
 * the relay wants.
 *
 * 15 is what everything is written for.
 *
 * 16 takes varatt.h out of what postgres.h brings along, and has one function in the
 * place of those that ask for an owner, below.
 *
 * 17 has two functions of another signature, below.  In SQL, pg_logical_emit_message()
 * has a fourth argument: who names it by its signature has to look into pg_proc.
 *
 * 18 is as 17, and has virtual generated columns, below.
 *
 * 19 wants flags for a scan, builds a Jsonb in a type of its own, and its headers bring
 * less along: each file includes what it uses.
 */
#ifndef PG_OUTBOX_COMPAT_H
#define PG_OUTBOX_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pg_outbox needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 17 takes the lexer's memory from the caller when told to, and can flush a message. */
#if PG_VERSION_NUM >= 170000
#define outbox_json_lexer(text, len, encoding)                                                     \
	makeJsonLexContextCstringLen(NULL, (text), (len), (encoding), false)
#define outbox_log_message(prefix, content, len)                                                   \
	LogLogicalMessage((prefix), (content), (len), true, false)
#else
#define outbox_json_lexer(text, len, encoding)                                                     \
	makeJsonLexContextCstringLen((text), (len), (encoding), false)
#define outbox_log_message(prefix, content, len) LogLogicalMessage((prefix), (content), (len), true)
#endif

/* 16 says why a slot is invalid, 15 only since where. */
#if PG_VERSION_NUM >= 160000
#define outbox_slot_is_lost(slot) ((slot)->data.invalidated != RS_INVAL_NONE)
#else
#define outbox_slot_is_lost(slot)                                                                  \
	(XLogRecPtrIsInvalid((slot)->data.restart_lsn) &&                                              \
	 !XLogRecPtrIsInvalid((slot)->data.invalidated_at))
#endif

/* 16 has one function for all kinds of objects (catalog/pg_class.h, utils/acl.h). */
#if PG_VERSION_NUM >= 160000
#define outbox_owns_relation(relid, role) object_ownercheck(RelationRelationId, (relid), (role))
#else
#define outbox_owns_relation(relid, role) pg_class_ownercheck((relid), (role))
#endif

/* 19 takes flags for the scan; zero is what the older ones do. */
#if PG_VERSION_NUM >= 190000
#define outbox_beginscan(rel, snapshot) table_beginscan((rel), (snapshot), 0, NULL, 0)
#else
#define outbox_beginscan(rel, snapshot) table_beginscan((rel), (snapshot), 0, NULL)
#endif

/*
 * A Jsonb in the making, zero at first: outbox_push_jsonb() for each token, then what was made is in "result".
 * 19 has a type of this kind (utils/jsonb.h); before, the last push returned the result.
 */
#if PG_VERSION_NUM >= 190000
#define OutboxJsonbState JsonbInState
#define outbox_push_jsonb(state, token, value) pushJsonbValue((state), (token), (value))
#else
#define OutboxJsonbState                                                                           \
	struct                                                                                         \
	{                                                                                              \
		JsonbParseState *stack;                                                                    \
		JsonbValue *result;                                                                        \
	}
#define outbox_push_jsonb(state, token, value)                                                     \
	((void) ((state)->result = pushJsonbValue(&(state)->stack, (token), (value))))
#endif

/* 18 has generated columns that are computed when they are read (ATTRIBUTE_GENERATED_VIRTUAL). */
#define outbox_is_virtual(attribute) ((attribute)->attgenerated == 'v')

#endif
