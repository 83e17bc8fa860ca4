/*
 * http.c
 *	  libmicrohttpd behind our own loop.
 *
 * The daemon runs without threads; http_run() is
 * the only way into it.  It serves GET, HEAD and POST; the body of a POST is
 * read and dropped, up to HTTP_REQUEST_MAX.  A POST is an order, and taken from
 * this machine alone, wherever the server listens.  One that a browser sends from
 * another site's page (its Origin is not the Host) is refused; a site whose name
 * somebody made lead here shows itself by that name in Host.  Where the server listens on
 * the loopback alone, such a name gets no page either.
 */
#include "http.h"

#include <microhttpd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_clients.h"
#include "http_door.h"
#include "http_listen.h"
#include "http_peer.h"
#include "loopback.h"

#define HTTP_REQUEST_MAX (64 * 1024)
#define HTTP_RESPONSE_MAX ((size_t) 64 * 1024 * 1024)
#define HTTP_IDLE_SECONDS 15

struct HttpServer
{
	struct MHD_Daemon *daemon;
	HttpHandler handler;
	void *arg;
	int fd;
	int port;
	bool on_loopback; /* nobody from outside reaches it */
	HttpClients clients;
};

/* What is kept between the calls for one request. */
typedef struct HttpRequest
{
	size_t received;
} HttpRequest;

/* Queues a response that owns "body" when it was allocated. */
static enum MHD_Result
respond(struct MHD_Connection *connection, int status, const char *content_type, const char *allow,
		Buffer *body)
{
	bool owned = body->capacity > 0;
	struct MHD_Response *response;
	enum MHD_Result result;

	response = MHD_create_response_from_buffer(
		body->len, body->data, owned ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
	{
		buffer_free(body);
		return MHD_NO;
	}
	buffer_init(body, body->limit);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
								allow != NULL ? allow : "GET, HEAD, POST");
	result = MHD_queue_response(connection, (unsigned int) status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
respond_text(struct MHD_Connection *connection, int status, const char *text)
{
	Buffer body;

	buffer_init(&body, 256);
	buffer_printf(&body, "%s\n", text);
	return respond(connection, status, "text/plain; charset=utf-8", NULL, &body);
}

/* The status to refuse a request with, from its head, and why; 0 to go on. */
static int
refuse_head(const HttpServer *server, struct MHD_Connection *connection, const char *method,
			const char **why)
{
	const char *host =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
	const char *length;
	bool is_post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;

	if (!is_post && strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
		strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
	{
		*why = "method not allowed";
		return MHD_HTTP_METHOD_NOT_ALLOWED;
	}
	if (is_post && !http_from_this_machine(connection))
	{
		*why = "refused: POST is for this machine alone, at localhost, 127.0.0.1 or [::1]";
		return MHD_HTTP_FORBIDDEN;
	}
	if (is_post && !http_same_origin(connection))
	{
		*why = "refused: sent from another site's page";
		return MHD_HTTP_FORBIDDEN;
	}
	if (server->on_loopback && host != NULL && !loopback_host(host))
	{
		*why = "refused: this is localhost, 127.0.0.1 or [::1], and has no other name";
		return MHD_HTTP_FORBIDDEN;
	}
	*why = "request too large";
	length =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	if (length != NULL && strtoull(length, NULL, 10) > HTTP_REQUEST_MAX)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	return 0;
}

static enum MHD_Result
call_handler(HttpServer *server, struct MHD_Connection *connection, const char *method,
			 const char *path)
{
	HttpResponse response = {
		.status = MHD_HTTP_OK, .content_type = "text/plain; charset=utf-8", .allow = NULL};

	/* The library leaves the body out of the answer to HEAD. */
	if (strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
		method = MHD_HTTP_METHOD_GET;

	buffer_init(&response.body, HTTP_RESPONSE_MAX);
	if (!server->handler(method, path, &response, server->arg))
	{
		buffer_free(&response.body);
		return respond_text(connection, MHD_HTTP_NOT_FOUND, "not found");
	}
	if (response.body.failed)
	{
		buffer_free(&response.body);
		return respond_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "response too large");
	}
	return respond(connection, response.status, response.content_type, response.allow,
				   &response.body);
}

/* The library calls this once with the head, then for each piece of the body, then at its end. */
static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
		   const char *version, const char *upload_data, size_t *upload_data_size, void **con_cls)
{
	HttpServer *server = cls;
	HttpRequest *request = *con_cls;

	(void) version;
	(void) upload_data;
	if (request == NULL)
	{
		const char *why;
		int status = refuse_head(server, connection, method, &why);

		request = calloc(1, sizeof(*request));
		if (request == NULL)
			return MHD_NO;
		*con_cls = request;
		if (status != 0)
			return respond_text(connection, status, why);
		return MHD_YES;
	}
	if (*upload_data_size > 0)
	{
		if (*upload_data_size > HTTP_REQUEST_MAX - request->received)
			return MHD_NO; /* closes the connection */
		request->received += *upload_data_size;
		*upload_data_size = 0;
		return MHD_YES;
	}
	return call_handler(server, connection, method, url);
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			 enum MHD_RequestTerminationCode reason)
{
	(void) cls;
	(void) reason;
	free(*con_cls);
	*con_cls = NULL;
	(void) http_door_served(connection);
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	HttpServer *server = cls;

	http_door_notice(&server->clients, connection, socket_context, code);
}

static bool
is_on_loopback(int listen_fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	return getsockname(listen_fd, (struct sockaddr *) &address, &len) == 0 &&
		   loopback_address((const struct sockaddr *) &address);
}

HttpServer *
http_start(const char *listen_at, HttpHandler handler, void *arg, Error *error)
{
	HttpServer *server;
	const union MHD_DaemonInfo *info;
	int listen_fd = http_listen(listen_at, error);

	if (listen_fd < 0)
		return NULL;
	server = calloc(1, sizeof(*server));
	if (server == NULL)
	{
		close(listen_fd);
		error_bug(error, "out of memory");
		return NULL;
	}
	server->handler = handler;
	server->arg = arg;
	server->port = http_listen_port(listen_fd);
	server->on_loopback = is_on_loopback(listen_fd);
	http_clients_init(&server->clients);
	/* From here on the library owns the socket, whether it starts or not. */
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, server, MHD_OPTION_CONNECTION_LIMIT, (unsigned int) HTTP_CLIENTS_ROOM,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int) HTTP_IDLE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_CLIENT_BYTES, MHD_OPTION_END);
	info = server->daemon != NULL ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)
								  : NULL;
	if (info == NULL)
	{
		http_stop(server);
		error_bug(error, "could not start the HTTP server on \"%s\"", listen_at);
		return NULL;
	}
	server->fd = info->epoll_fd;
	return server;
}

int
http_fd(const HttpServer *server)
{
	return server->fd;
}

int
http_port(const HttpServer *server)
{
	return server->port;
}

MonoUsec
http_wake_at(const HttpServer *server, MonoUsec now)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES)
		return MONO_NEVER;
	if (wait_ms > (MHD_UNSIGNED_LONG_LONG) HTTP_IDLE_SECONDS * 1000)
		wait_ms = HTTP_IDLE_SECONDS * 1000;
	return now + (MonoUsec) wait_ms * USEC_PER_MS;
}

void
http_run(HttpServer *server)
{
	if (server->clients.count > 0)
		http_door_cut_off(&server->clients, clock_mono());
	MHD_run(server->daemon);
}

void
http_stop(HttpServer *server)
{
	if (server == NULL)
		return;
	if (server->daemon != NULL)
		MHD_stop_daemon(server->daemon);
	free(server);
}
