/*
 * kafka_servers.h
 *	  The form of kafka.bootstrap.servers.  Pure.
 *
 *	servers		= server { "," server }				spaces before and behind each, empty ones count for nothing
 *	server		= [protocol "://"] host [":" port] [path]
 *	protocol	= "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL", in any case; only then a path
 *	host		= name | IPv4 | "[" IPv6 "]"
 *	port		= 1 to 65535; without one 9092
 *
 * librdkafka takes what is less: of "a:nine" it makes port 0, and it leaves out what follows a
 * protocol that isn't security.protocol.  Either is tried for ever.
 */
#ifndef OUTBOX_COMMON_KAFKA_SERVERS_H
#define OUTBOX_COMMON_KAFKA_SERVERS_H

#include "error.h"

/*
 * false: PERMANENT with EXIT_CONFIG, which names the server that can't be one.  origin: of the
 * setting; protocol: security.protocol, in any case.
 */
extern MUST_CHECK bool kafka_servers_check(const char *servers, const char *origin,
										   const char *protocol, Error *error);

#endif
