/*
 * compat.h
 *	  What differs between the server's major versions, and nothing else: the only
 *	  file that looks at PG_VERSION_NUM.
 *
 * The floor is 15.  14 has neither MarkGUCPrefixReserved() nor column lists in
 * publications, without which outbox.event can't be published as the relay wants.
 */
#ifndef PG_OUTBOX_COMPAT_H
#define PG_OUTBOX_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pg_outbox needs PostgreSQL 15 or later"
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

/* 16 has one function for all kinds of objects (catalog/pg_class.h, utils/acl.h). */
#if PG_VERSION_NUM >= 160000
#define outbox_owns_relation(relid, role) object_ownercheck(RelationRelationId, (relid), (role))
#else
#define outbox_owns_relation(relid, role) pg_class_ownercheck((relid), (role))
#endif

#endif
