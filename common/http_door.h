/*
 * http_door.h
 *	  Keeps the list of http_clients.h for a server of libmicrohttpd, and cuts off who has to go.
 *
 * Not locked: the library's notices and http_door_cut_off() come from one thread, or under one lock.  A client's
 * socket stays open until its notice of having gone, so that nobody else is cut off in its place.
 */
#ifndef OUTBOX_COMMON_HTTP_DOOR_H
#define OUTBOX_COMMON_HTTP_DOOR_H

#include <microhttpd.h>

#include "http_clients.h"

/* For MHD_OPTION_NOTIFY_CONNECTION; with MHD_OPTION_CONNECTION_LIMIT HTTP_CLIENTS_ROOM. */
extern void http_door_notice(HttpClients *clients, struct MHD_Connection *connection,
							 void **socket_context, enum MHD_ConnectionNotificationCode code);

/* The client has had its answer, or takes what it is sent: its time begins anew.  False: it was told to go. */
extern bool http_door_served(struct MHD_Connection *connection);

/* To be called now and then; the library sees the end of the connection, and closes it. */
extern void http_door_cut_off(HttpClients *clients, MonoUsec now);

#endif
