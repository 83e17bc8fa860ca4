/*
 * http_peer.c
 *	  Who sends a request.
 */
#include "http_peer.h"

#include <microhttpd.h>
#include <string.h>

#include "loopback.h"

bool
http_same_origin(struct MHD_Connection *connection)
{
	const char *origin =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN);
	const char *host =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
	const char *site;

	if (origin == NULL)
		return true;
	site = strstr(origin, "://");
	return site != NULL && host != NULL && strcmp(site + 3, host) == 0;
}

bool
http_from_this_machine(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info != NULL && loopback_address(info->client_addr) &&
		   loopback_host(
			   MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST));
}
