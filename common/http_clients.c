/*
 * http_clients.c
 *	  A short list; it is gone through once a second, or when it is too long.
 */
#include "http_clients.h"

#include <stddef.h>

void
http_clients_init(HttpClients *clients)
{
	for (int i = 0; i < HTTP_CLIENTS_ROOM; i++)
		clients->items[i].fd = -1;
	clients->count = 0;
	clients->look_at = 0;
}

HttpClient *
http_clients_add(HttpClients *clients, int fd, MonoUsec now)
{
	for (int i = 0; i < HTTP_CLIENTS_ROOM; i++)
	{
		HttpClient *client = &clients->items[i];

		if (client->fd >= 0)
			continue;
		*client = (HttpClient){.fd = fd, .since = now};
		clients->count++;
		return client;
	}
	return NULL;
}

void
http_clients_remove(HttpClients *clients, HttpClient *client)
{
	if (!client->going)
		clients->count--;
	client->fd = -1;
}

static HttpClient *
oldest(HttpClients *clients)
{
	HttpClient *found = NULL;

	for (int i = 0; i < HTTP_CLIENTS_ROOM; i++)
	{
		HttpClient *client = &clients->items[i];

		if (client->fd >= 0 && !client->going && (found == NULL || client->since < found->since))
			found = client;
	}
	return found;
}

HttpClient *
http_clients_next_to_go(HttpClients *clients, MonoUsec now)
{
	HttpClient *client;

	if (clients->count == 0 || (clients->count <= HTTP_CLIENTS_MAX && now < clients->look_at))
		return NULL;
	client = oldest(clients);
	if (clients->count <= HTTP_CLIENTS_MAX &&
		now - client->since < HTTP_CLIENT_SECONDS * USEC_PER_SEC)
	{
		clients->look_at = now + USEC_PER_SEC;
		return NULL;
	}
	client->going = true;
	clients->count--;
	return client;
}
