/*
 * http_door.c
 *	  Who comes, who goes, and who is shown out.
 */
#include "http_door.h"

#include <stddef.h>
#include <sys/socket.h>

void
http_door_cut_off(HttpClients *clients, MonoUsec now)
{
	const HttpClient *client;

	while ((client = http_clients_next_to_go(clients, now)) != NULL)
		shutdown(client->fd, SHUT_RDWR);
}

void
http_door_notice(HttpClients *clients, struct MHD_Connection *connection, void **socket_context,
				 enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info;
	MonoUsec now;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
	{
		info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		now = clock_mono();
		*socket_context = info != NULL ? http_clients_add(clients, info->connect_fd, now) : NULL;
		http_door_cut_off(clients, now);
	}
	else if (*socket_context != NULL)
	{
		http_clients_remove(clients, *socket_context);
		*socket_context = NULL;
	}
}

bool
http_door_served(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	HttpClient *client = info != NULL ? info->socket_context : NULL;

	if (client == NULL)
		return true;
	client->since = clock_mono();
	return !client->going;
}
