/*
 * http_peer.h
 *	  Who sends a request: for servers that take orders from this machine alone.
 */
#ifndef OUTBOX_COMMON_HTTP_PEER_H
#define OUTBOX_COMMON_HTTP_PEER_H

#include <stdbool.h>

struct MHD_Connection;

/* The peer's address and the name in Host are the loopback's. */
extern bool http_from_this_machine(struct MHD_Connection *connection);

/* False when a browser says that another site's page sends this: Origin isn't the Host. */
extern bool http_same_origin(struct MHD_Connection *connection);

#endif
