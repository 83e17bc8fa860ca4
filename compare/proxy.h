/*
 * proxy.h
 *	  A TCP proxy that can be a bad network, in the words of Toxiproxy.
 *
 *	latency, jitter		what the server sends arrives so much later, give or take
 *	bandwidth			both ways of each connection carry so many bytes a second
 *	blackhole			nothing passes and nobody is told; what is held back goes on
 *						when it is over, as packets do that are sent again
 *	refuse				connections are reset, and new ones refused
 *	cut					of the next bytes that either end sends half passes, and the
 *						connection is closed: whoever reads has a part of a message
 *	proxy_reset()		connections are reset (RST); new ones are taken
 *
 * One listener at 127.0.0.1 for each link, one thread for all of them.  Functions are for one
 * other thread.
 */
#ifndef OUTBOX_COMPARE_PROXY_H
#define OUTBOX_COMPARE_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

#define PROXY_LINKS_MAX 8

typedef struct ProxyToxics
{
	int64_t latency_usec;
	int64_t jitter_usec; /* <= latency */
	int64_t bytes_per_s; /* 0: as many as there are */
	bool blackhole;
	bool refuse;
	bool cut;
} ProxyToxics;

typedef struct Proxy Proxy;

/* Leads listeners of its own to so many ports of 127.0.0.1. */
extern MUST_CHECK Proxy *proxy_start(const int *ports, int count, Error *error);
extern void proxy_stop(Proxy *proxy); /* ends all connections; NULL is allowed */

extern int proxy_port(const Proxy *proxy, int link);

/* They hold from now on, for what is on its way as well; all 0: a good network. */
extern void proxy_set(Proxy *proxy, int link, const ProxyToxics *toxics);
extern void proxy_reset(Proxy *proxy, int link);

/* How many connections there are at the moment. */
extern int proxy_connections(Proxy *proxy, int link);

#endif
