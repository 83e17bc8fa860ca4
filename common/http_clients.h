/*
 * http_clients.h
 *	  Who is connected to an HTTP server, and since when each has owed a whole request.  Pure.
 *
 * So that nobody can keep others out by being slow: a client that has neither sent a whole
 * request nor read its whole answer within HTTP_CLIENT_SECONDS is to go, however often it sends
 * a byte; and when there are more than HTTP_CLIENTS_MAX, the one that has been at it for longest
 * goes at once, so that who comes last is always heard.
 */
#ifndef OUTBOX_COMMON_HTTP_CLIENTS_H
#define OUTBOX_COMMON_HTTP_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "clock.h"

#define HTTP_CLIENTS_MAX 64
/* Some are on their way out. */
#define HTTP_CLIENTS_ROOM (HTTP_CLIENTS_MAX + 32)
#define HTTP_CLIENT_SECONDS 30
/* What one may take of memory: the head of its request, what was read from it, the head of the answer. */
#define HTTP_CLIENT_BYTES ((size_t) 32 * 1024)

typedef struct HttpClient
{
	int fd;			/* -1: nobody */
	MonoUsec since; /* it came, or had its last answer */
	bool going;		/* it was told to */
} HttpClient;

typedef struct HttpClients
{
	HttpClient items[HTTP_CLIENTS_ROOM];
	int count; /* those that aren't going */
	MonoUsec look_at;
} HttpClients;

extern void http_clients_init(HttpClients *clients);

/* NULL: there is no room. */
extern HttpClient *http_clients_add(HttpClients *clients, int fd, MonoUsec now);
extern void http_clients_remove(HttpClients *clients, HttpClient *client);

/*
 * One that has to go, which is taken for going from now on; NULL: none.  Looks at times once a
 * second.
 */
extern HttpClient *http_clients_next_to_go(HttpClients *clients, MonoUsec now);

#endif
