/*
 * http.h
 *	  A small HTTP server for /healthz, /readyz, /status, /metrics and orders, driven by
 *	  the program's own loop (libmicrohttpd with an external epoll descriptor;
 *	  no thread of its own).
 *
 * Nobody keeps others out or grows it: heads are small, bodies are dropped, and connections are few
 * and short (http_clients.h).
 *
 * The handler is called from http_run() and must not block.
 */
#ifndef OUTBOX_COMMON_HTTP_H
#define OUTBOX_COMMON_HTTP_H

#include <stdbool.h>

#include "buffer.h"
#include "clock.h"
#include "error.h"

typedef struct HttpServer HttpServer;

typedef struct HttpResponse
{
	int status;				  /* 200 unless the handler sets it */
	const char *content_type; /* "text/plain; charset=utf-8" unless set; not copied */
	const char *allow;		  /* with 405: "GET, HEAD, POST" unless set; not copied */
	Buffer body;
} HttpResponse;

/*
 * method is "GET" (for HEAD too) or "POST"; path has no query.  The handler may
 * set any status, 405 for a page that takes no POST.  It is not called for other
 * methods, nor for a POST that isn't from this machine (peer and Host are the
 * loopback's) or whose Origin is another site, nor, where only the loopback is listened
 * on, for a Host that isn't its name.  Returns false for "no such page" (404).
 */
typedef bool (*HttpHandler)(const char *method, const char *path, HttpResponse *response,
							void *arg);

/*
 * listen_at is "127.0.0.1:9187", "[::1]:9187" or "127.0.0.1:0" (a free port, see
 * http_port).  NULL is returned with the Error filled.
 */
extern MUST_CHECK HttpServer *http_start(const char *listen_at, HttpHandler handler, void *arg,
										 Error *error);
extern int http_fd(const HttpServer *server); /* readable when there is work */
extern int http_port(const HttpServer *server);
extern MonoUsec http_wake_at(const HttpServer *server, MonoUsec now); /* MONO_NEVER mostly */
extern void http_run(HttpServer *server);
extern void http_stop(HttpServer *server); /* NULL is allowed */

#endif
