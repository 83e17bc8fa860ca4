/*
 * live.c
 *	  The live page's server: libmicrohttpd with a thread of its own.
 *
 * Each browser reads along the ring of snapshots at its own pace: when it has all that
 * there is its connection is suspended, and live_publish() resumes it; when it is slower than
 * the ring is long it misses what was overwritten.  One mutex guards ring, browsers and the list of
 * who is connected; it is held for copying only.
 *
 * Nobody keeps others out or grows it (http_clients.h): bodies are dropped, and cut off when they are
 * long; what waits for a browser that doesn't read is small.  One that reads its events has its
 * time begin anew with each.
 */
#include "live.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "clock.h"
#include "http_door.h"
#include "http_listen.h"
#include "http_peer.h"
#include "live_orders.h"
#include "live_ring.h"
#include "web.h"

#define TOKEN_HEADER "X-Outbox-Token"
#define TOKEN_PLACE "{{token}}"
#define PAGE_MAX ((size_t) 1024 * 1024)
#define URL_SIZE 300
#define BODY_MAX ((size_t) 64 * 1024)
#define UNREAD_BYTES (256 * 1024)
#define IDLE_SECONDS 15
#define GOODBYE_USEC USEC_PER_SEC

#define SECURITY_POLICY                                                                            \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src "         \
	"'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/* A browser that reads /events. */
typedef struct Browser
{
	struct Live *live;
	struct MHD_Connection *connection;
	struct Browser *next;
	struct Browser **link; /* what points to this one */
	uint64_t wanted;	   /* the next snapshot's number */
	bool suspended;
	Buffer event; /* what is being sent */
	size_t sent;
} Browser;

struct Live
{
	struct MHD_Daemon *daemon;
	pthread_mutex_t mutex;
	pthread_cond_t left; /* a browser went */
	LiveRing ring;
	HttpClients clients;
	Browser *browsers;
	bool ending;
	LiveOrders orders;
	bool takes_orders;
	char url[URL_SIZE];
};

/* -------------------------------------------------------------------------
 * answers
 * ------------------------------------------------------------------------- */

static enum MHD_Result
queue(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
	  const char *type)
{
	enum MHD_Result queued;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(response, "Content-Security-Policy", SECURITY_POLICY);
	queued = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status, const char *text)
{
	return queue(
		connection, status,
		MHD_create_response_from_buffer(strlen(text), (void *) text, MHD_RESPMEM_MUST_COPY),
		"text/plain; charset=utf-8");
}

static enum MHD_Result
answer_file(struct MHD_Connection *connection, WebFile file, const char *type)
{
	ByteView bytes = web_file(file);

	return queue(
		connection, MHD_HTTP_OK,
		MHD_create_response_from_buffer(bytes.len, (void *) bytes.data, MHD_RESPMEM_PERSISTENT),
		type);
}

/* Only who may give orders gets the token; for all others there is none in the page. */
static enum MHD_Result
answer_page(Live *live, struct MHD_Connection *connection)
{
	const char *page = (const char *) web_file(WEB_LIVE_HTML).data;
	const char *place = strstr(page, TOKEN_PLACE);
	Buffer body;
	enum MHD_Result queued;

	buffer_init(&body, PAGE_MAX);
	buffer_append(&body, page, (size_t) (place - page));
	if (live->takes_orders && http_from_this_machine(connection))
		buffer_append_str(&body, live->orders.token);
	buffer_append_str(&body, place + strlen(TOKEN_PLACE));
	queued =
		body.failed
			? MHD_NO
			: queue(connection, MHD_HTTP_OK,
					MHD_create_response_from_buffer(body.len, body.data, MHD_RESPMEM_MUST_COPY),
					"text/html; charset=utf-8");
	buffer_free(&body);
	return queued;
}

/* -------------------------------------------------------------------------
 * events
 * ------------------------------------------------------------------------- */

/* Called by the library when the browser can take more. */
static ssize_t
read_events(void *arg, uint64_t position, char *out, size_t max)
{
	Browser *browser = arg;
	Live *live = browser->live;
	ssize_t given = 0;
	bool welcome;

	(void) position;
	pthread_mutex_lock(&live->mutex);
	welcome = http_door_served(browser->connection);
	while (browser->sent == browser->event.len &&
		   live_ring_next(&live->ring, &browser->wanted, &browser->event))
		browser->sent = 0;
	if (!welcome)
		given = MHD_CONTENT_READER_END_WITH_ERROR;
	else if (browser->sent < browser->event.len)
	{
		size_t left = browser->event.len - browser->sent;

		given = (ssize_t) (left < max ? left : max);
		memcpy(out, browser->event.data + browser->sent, (size_t) given);
		browser->sent += (size_t) given;
	}
	else if (live->ending)
		given = MHD_CONTENT_READER_END_OF_STREAM;
	else
	{
		browser->suspended = true;
		MHD_suspend_connection(browser->connection);
	}
	pthread_mutex_unlock(&live->mutex);
	return given;
}

static void
forget_browser(void *arg)
{
	Browser *browser = arg;
	Live *live = browser->live;

	pthread_mutex_lock(&live->mutex);
	*browser->link = browser->next;
	if (browser->next != NULL)
		browser->next->link = browser->link;
	pthread_cond_signal(&live->left);
	pthread_mutex_unlock(&live->mutex);
	buffer_free(&browser->event);
	free(browser);
}

static void
remember_browser(Live *live, Browser *browser)
{
	pthread_mutex_lock(&live->mutex);
	browser->next = live->browsers;
	browser->link = &live->browsers;
	if (browser->next != NULL)
		browser->next->link = &browser->next;
	live->browsers = browser;
	pthread_mutex_unlock(&live->mutex);
}

/* A browser that comes back says what it saw last. */
static uint64_t
first_wanted(struct MHD_Connection *connection)
{
	const char *last = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");

	return last != NULL ? strtoull(last, NULL, 10) + 1 : 0;
}

static enum MHD_Result
answer_events(Live *live, struct MHD_Connection *connection)
{
	Browser *browser = calloc(1, sizeof(*browser));
	struct MHD_Response *response;

	if (browser == NULL)
		return MHD_NO;
	browser->live = live;
	browser->connection = connection;
	browser->wanted = first_wanted(connection);
	buffer_init(&browser->event, LIVE_EVENT_MAX);
	buffer_append_str(&browser->event, "retry: 1000\n\n");
	remember_browser(live, browser);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, LIVE_SNAPSHOT_MAX / 8,
												 read_events, browser, forget_browser);
	if (response == NULL)
		forget_browser(browser);
	return queue(connection, MHD_HTTP_OK, response, "text/event-stream");
}

/* -------------------------------------------------------------------------
 * orders
 * ------------------------------------------------------------------------- */

static enum MHD_Result
take_order(Live *live, struct MHD_Connection *connection, const char *path)
{
	LiveCommand command;

	if (!live->takes_orders)
		return answer(connection, MHD_HTTP_FORBIDDEN, "refused: this page only shows\n");
	if (!http_from_this_machine(connection))
		return answer(
			connection, MHD_HTTP_FORBIDDEN,
			"refused: orders are for this machine alone, at localhost, 127.0.0.1 or [::1]\n");
	if (!http_same_origin(connection))
		return answer(connection, MHD_HTTP_FORBIDDEN, "refused: sent from another site's page\n");
	if (!live_orders_token(&live->orders,
						   MHD_lookup_connection_value(connection, MHD_HEADER_KIND, TOKEN_HEADER)))
		return answer(connection, MHD_HTTP_FORBIDDEN,
					  "refused: not sent by this page as it is now; load it again\n");
	if (!live_order_parse(path, &command))
		return answer(connection, MHD_HTTP_NOT_FOUND,
					  "there is no such order; there are /crash/PART and /restore/PART, PART being "
					  "app, source, relay, broker, consumer or target\n");
	if (!live_orders_put(&live->orders, &command))
		return answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
					  "too many orders wait already; try again\n");
	return answer(connection, MHD_HTTP_ACCEPTED, "noted\n");
}

bool
live_command(Live *live, LiveCommand *command)
{
	return live_orders_take(&live->orders, command);
}

/* -------------------------------------------------------------------------
 * requests
 * ------------------------------------------------------------------------- */

static enum MHD_Result
get_page(Live *live, struct MHD_Connection *connection, const char *path)
{
	if (strcmp(path, "/") == 0)
		return answer_page(live, connection);
	if (strcmp(path, "/events") == 0)
		return answer_events(live, connection);
	if (strcmp(path, "/base.css") == 0)
		return answer_file(connection, WEB_BASE_CSS, "text/css; charset=utf-8");
	if (strcmp(path, "/live.css") == 0)
		return answer_file(connection, WEB_LIVE_CSS, "text/css; charset=utf-8");
	if (strcmp(path, "/live.js") == 0)
		return answer_file(connection, WEB_LIVE_JS, "text/javascript; charset=utf-8");
	return answer(connection, MHD_HTTP_NOT_FOUND, "there is no such page\n");
}

/* Once with the head, then for each piece of a body, which nobody reads, then at its end. */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *path, const char *method,
		   const char *version, const char *upload, size_t *upload_size, void **context)
{
	Live *live = arg;
	uintptr_t seen = (uintptr_t) *context; /* of the body, and one for the head */

	(void) version;
	(void) upload;
	if (seen == 0 || *upload_size > 0)
	{
		seen += seen == 0 ? 1 : *upload_size;
		*context = (void *) seen;
		*upload_size = 0;
		return seen <= BODY_MAX ? MHD_YES : MHD_NO; /* which closes the connection */
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) == 0)
		return get_page(live, connection, path);
	if (strcmp(method, MHD_HTTP_METHOD_POST) == 0)
		return take_order(live, connection, path);
	return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and POST\n");
}

/* -------------------------------------------------------------------------
 * publishing
 * ------------------------------------------------------------------------- */

static void
resume_browsers(Live *live)
{
	for (Browser *browser = live->browsers; browser != NULL; browser = browser->next)
	{
		if (!browser->suspended)
			continue;
		browser->suspended = false;
		MHD_resume_connection(browser->connection);
	}
}

void
live_publish(Live *live, const char *json, size_t len)
{
	pthread_mutex_lock(&live->mutex);
	live_ring_put(&live->ring, json, len);
	http_door_cut_off(&live->clients, clock_mono());
	resume_browsers(live);
	pthread_mutex_unlock(&live->mutex);
}

/* -------------------------------------------------------------------------
 * who is connected
 * ------------------------------------------------------------------------- */

/* The kernel would keep megabytes for one that doesn't read. */
static void
keep_little(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const int bytes = UNREAD_BYTES;

	if (info != NULL)
		setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void
on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	Live *live = arg;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		keep_little(connection);
	pthread_mutex_lock(&live->mutex);
	http_door_notice(&live->clients, connection, socket_context, code);
	/* One that has to go may sleep. */
	if (code == MHD_CONNECTION_NOTIFY_STARTED && live->clients.count == HTTP_CLIENTS_MAX)
		resume_browsers(live);
	pthread_mutex_unlock(&live->mutex);
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	Live *live = arg;

	(void) code;
	*context = NULL;
	pthread_mutex_lock(&live->mutex);
	(void) http_door_served(connection);
	pthread_mutex_unlock(&live->mutex);
}

/* -------------------------------------------------------------------------
 * the server
 * ------------------------------------------------------------------------- */

static bool
start_daemon(Live *live, const char *listen_at, Error *error)
{
	int fd = http_listen(listen_at, error);

	if (fd < 0)
	{
		/* What is in the way is the same, what mends it isn't. */
		if (error->hint[0] != '\0')
			error_hint(error,
					   "Give it another address, such as \"127.0.0.1:0\": a port that is free.");
		return false;
	}
	snprintf(live->url, sizeof(live->url), "http://%.*s:%d/",
			 (int) (strrchr(listen_at, ':') - listen_at), listen_at, http_listen_port(fd));
	/* From here on the library owns the socket, whether it starts or not. */
	live->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, live,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION, on_connection, live,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, live, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned) HTTP_CLIENTS_ROOM, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) IDLE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_CLIENT_BYTES, MHD_OPTION_END);
	if (live->daemon == NULL)
		return error_bug(error, "could not start the live page's server on \"%s\"", listen_at);
	return true;
}

Live *
live_start(const LiveConfig *config, Error *error)
{
	Live *live = calloc(1, sizeof(*live));
	pthread_condattr_t attributes;

	if (live == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&live->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&live->left, &attributes);
	pthread_condattr_destroy(&attributes);
	http_clients_init(&live->clients);
	live->takes_orders = config->orders;
	if (!live_orders_init(&live->orders, error) || !start_daemon(live, config->listen, error))
	{
		live_stop(live);
		return NULL;
	}
	return live;
}

const char *
live_url(const Live *live)
{
	return live->url;
}

/* Those that read get what there is; who takes too long is cut off. */
static void
see_browsers_off(Live *live)
{
	MonoUsec deadline = clock_mono() + GOODBYE_USEC;
	const struct timespec until = {.tv_sec = (time_t) (deadline / USEC_PER_SEC),
								   .tv_nsec = (long) (deadline % USEC_PER_SEC) * 1000};

	pthread_mutex_lock(&live->mutex);
	live->ending = true;
	resume_browsers(live);
	while (live->browsers != NULL && pthread_cond_timedwait(&live->left, &live->mutex, &until) == 0)
		;
	pthread_mutex_unlock(&live->mutex);
}

void
live_stop(Live *live)
{
	if (live == NULL)
		return;
	if (live->daemon != NULL)
	{
		see_browsers_off(live);
		MHD_stop_daemon(live->daemon);
	}
	live_ring_free(&live->ring);
	live_orders_free(&live->orders);
	pthread_cond_destroy(&live->left);
	pthread_mutex_destroy(&live->mutex);
	free(live);
}
