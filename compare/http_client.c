/*
 * http_client.c
 *	  A small HTTP client.
 *
 * Refuses answers without a Content-Length, over its buffer, or followed by
 * bytes that nobody asked for: the connection is then broken.
 */
#include "http_client.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_LIMIT 4096

void
http_client_init(HttpClient *client)
{
	memset(client, 0, sizeof(*client));
	client->fd = -1;
	buffer_init(&client->request, REQUEST_LIMIT);
}

void
http_client_close(HttpClient *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->connecting = false;
}

void
http_client_free(HttpClient *client)
{
	http_client_close(client);
	buffer_free(&client->request);
}

/* -------------------------------------------------------------------------
 * answers
 * ------------------------------------------------------------------------- */

/* The value of Content-Length among the headers; -1 when there is none. */
static long
content_length(const char *headers, size_t len)
{
	static const char name[] = "\r\nContent-Length:";
	size_t name_len = sizeof(name) - 1;

	for (size_t i = 0; i + name_len < len; i++)
	{
		if (strncasecmp(headers + i, name, name_len) == 0)
		{
			const char *digits = headers + i + name_len;
			char *end;
			long value;

			digits += strspn(digits, " \t");
			value = strtol(digits, &end, 10);
			return isdigit((unsigned char) *digits) && *end == '\r' ? value : -1;
		}
	}
	return -1;
}

AnswerState
http_answer_look(const char *data, size_t len, int *status)
{
	static const char version[] = "HTTP/1.1 ";
	const char *headers_end = memmem(data, len, "\r\n\r\n", 4);
	size_t head;
	long body;

	if (headers_end == NULL)
		return ANSWER_PARTIAL;
	head = (size_t) (headers_end - data) + 4;
	if (head < sizeof(version) + 3 || strncmp(data, version, sizeof(version) - 1) != 0)
		return ANSWER_INVALID;
	body = content_length(data, head);
	*status = (int) strtol(data + sizeof(version) - 1, NULL, 10);
	if (body < 0 || *status < 200 || *status > 599)
		return ANSWER_INVALID;
	if (len < head + (size_t) body)
		return ANSWER_PARTIAL;
	return len == head + (size_t) body ? ANSWER_COMPLETE : ANSWER_INVALID;
}

/* -------------------------------------------------------------------------
 * the connection
 * ------------------------------------------------------------------------- */

static ClientResult
close_as(HttpClient *client, ClientResult result)
{
	http_client_close(client);
	return result;
}

static ClientResult
send_request(HttpClient *client)
{
	while (client->sent < client->request.len)
	{
		ssize_t count = send(client->fd, client->request.data + client->sent,
							 client->request.len - client->sent, MSG_NOSIGNAL);

		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			return CLIENT_BUSY;
		if (count < 0)
			return close_as(client, client->sent == 0 ? CLIENT_NOT_SENT : CLIENT_BROKEN);
		client->sent += (size_t) count;
	}
	return CLIENT_BUSY;
}

static ClientResult
receive_answer(HttpClient *client, int *status)
{
	for (;;)
	{
		size_t room = sizeof(client->answer) - 1 - client->received;
		ssize_t count = room > 0 ? recv(client->fd, client->answer + client->received, room, 0) : 0;

		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			return CLIENT_BUSY;
		if (count <= 0)
			return close_as(client, CLIENT_BROKEN);
		client->received += (size_t) count;
		client->answer[client->received] = '\0';
		switch (http_answer_look(client->answer, client->received, status))
		{
			case ANSWER_PARTIAL:
				break;
			case ANSWER_COMPLETE:
				return CLIENT_ANSWERED;
			case ANSWER_INVALID:
				return close_as(client, CLIENT_BROKEN);
		}
	}
}

static bool
open_connection(HttpClient *client, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
								  .sin_port = htons((uint16_t) port)};
	int on = 1;

	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return false;
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(client->fd, (struct sockaddr *) &address, sizeof(address)) == 0)
		return true;
	client->connecting = errno == EINPROGRESS;
	return client->connecting;
}

ClientResult
http_client_start(HttpClient *client, int port)
{
	client->sent = 0;
	client->received = 0;
	if (client->fd < 0 && !open_connection(client, port))
		return close_as(client, CLIENT_NOT_SENT);
	return client->connecting ? CLIENT_BUSY : send_request(client);
}

ClientResult
http_client_turn(HttpClient *client, int *status)
{
	if (client->connecting)
	{
		int problem = 0;
		socklen_t len = sizeof(problem);

		if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &problem, &len) != 0 || problem != 0)
			return close_as(client, CLIENT_NOT_SENT);
		client->connecting = false;
	}
	if (client->sent < client->request.len)
	{
		ClientResult result = send_request(client);

		if (result != CLIENT_BUSY || client->sent < client->request.len)
			return result;
	}
	return receive_answer(client, status);
}

short
http_client_events(const HttpClient *client)
{
	return client->connecting || client->sent < client->request.len ? POLLOUT : POLLIN;
}
