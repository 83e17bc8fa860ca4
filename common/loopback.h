/*
 * loopback.h
 *	  Whether something is this machine, seen from itself.  Pure.
 */
#ifndef OUTBOX_COMMON_LOOPBACK_H
#define OUTBOX_COMMON_LOOPBACK_H

#include <stdbool.h>

#include <sys/socket.h>

/* 127.0.0.0/8, ::1, the former written as an IPv6 address, or a local socket; false for NULL. */
extern bool loopback_address(const struct sockaddr *address);

/*
 * The Host of a request, with or without a port: localhost, 127.a.b.c or [::1].  A name
 * that somebody else's server resolves to 127.0.0.1 isn't one.  False for NULL.
 */
extern bool loopback_host(const char *host);

#endif
