/*
 * http_listen.h
 *	  The listening socket of a server, so that a wrong address or a port in use is reported
 *	  with its reason.
 */
#ifndef OUTBOX_COMMON_HTTP_LISTEN_H
#define OUTBOX_COMMON_HTTP_LISTEN_H

#include "error.h"

/*
 * "127.0.0.1:9187", "[::1]:9187", or port 0 for one that is free: a descriptor that doesn't
 * block, or -1 with the Error filled.
 */
extern MUST_CHECK int http_listen(const char *listen_at, Error *error);

extern int http_listen_port(int fd);

#endif
