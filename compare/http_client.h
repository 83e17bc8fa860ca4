/*
 * http_client.h
 *	  One kept-alive HTTP/1.1 connection that does not block: a request goes out,
 *	  its answer comes back, then the next.
 *
 * Knows only what the ingest server answers with: a status line, headers with a
 * Content-Length, a small body.
 */
#ifndef OUTBOX_COMPARE_HTTP_CLIENT_H
#define OUTBOX_COMPARE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "error.h"

typedef enum ClientResult
{
	CLIENT_BUSY,	 /* wait for the descriptor: see http_client_events() */
	CLIENT_ANSWERED, /* *status is the answer's; the connection can be used again */
	CLIENT_NOT_SENT, /* there was no connection, so nobody has seen the request; closed */
	CLIENT_BROKEN	 /* the connection ended without an answer; closed */
} ClientResult;

typedef struct HttpClient
{
	int fd; /* -1: closed */
	bool connecting;
	Buffer request;
	size_t sent;
	char answer[2048];
	size_t received;
} HttpClient;

extern void http_client_init(HttpClient *client);
extern void http_client_close(HttpClient *client);
extern void http_client_free(HttpClient *client);

/*
 * Starts a request to 127.0.0.1:port, over the open connection if there is one.
 * The bytes of the request are in client->request.
 */
extern MUST_CHECK ClientResult http_client_start(HttpClient *client, int port);
/* After the descriptor was ready. */
extern MUST_CHECK ClientResult http_client_turn(HttpClient *client, int *status);
extern short http_client_events(const HttpClient *client); /* of poll(2) */

typedef enum AnswerState
{
	ANSWER_PARTIAL,
	ANSWER_COMPLETE,
	ANSWER_INVALID
} AnswerState;

/* Looks at what has come so far. */
extern AnswerState http_answer_look(const char *data, size_t len, int *status);

#endif
