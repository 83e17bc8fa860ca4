/*
 * ingest.c
 *	  HTTP in front of the paths (libmicrohttpd).
 *
 * A request is read completely, checked, and given to its mode's path while its
 * connection is suspended; a thread of the path resumes it with the result.  So no
 * mode can take the HTTP threads away from the others.  Refuses bodies over
 * BODY_LIMIT, without reading them to their end when they are over BODY_READ_LIMIT, drivers
 * whose id is not that of the body, and reports that a browser sends from a page of another
 * site.
 */
#include "ingest.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "exit_codes.h"
#include "http_clients.h"
#include "http_peer.h"
#include "location.h"
#include "path.h"
#include "reject_reason.h"

#define BODY_LIMIT 4096
#define BODY_READ_LIMIT (64 * 1024)
#define ANSWER_LIMIT 512
#define STATE_LIMIT 4096
#define CONNECTION_LIMIT 8192
#define LOOK_USEC (5 * USEC_PER_MS)
#define PATH_PREFIX "/drivers/"
#define PATH_SUFFIX "/location"

struct Ingest
{
	IngestSettings settings;
	struct MHD_Daemon *daemon;
	Path *paths[MODE_COUNT]; /* of the modes that are there */
	int port;
	_Atomic int open;	   /* requests that a path has, or is about to get */
	_Atomic bool stopping; /* no path gets another one */
	_Atomic bool crashing; /* see ingest_crash_between() */
};

typedef enum RequestState
{
	REQUEST_READING,
	REQUEST_QUEUED,
	REQUEST_DONE
} RequestState;

typedef struct IngestRequest
{
	PathJob job;
	Ingest *ingest;
	struct MHD_Connection *connection;
	Mode mode;
	Buffer body;
	size_t received; /* of the body, kept or not */
	_Atomic int state;
} IngestRequest;

/* -------------------------------------------------------------------------
 * answers
 * ------------------------------------------------------------------------- */

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status, const Buffer *body)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result queued;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	queued = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result
answer_error(struct MHD_Connection *connection, unsigned status, const char *reason)
{
	Buffer body;
	enum MHD_Result queued;

	buffer_init(&body, ANSWER_LIMIT);
	buffer_append_str(&body, "{\"error\":");
	buffer_append_json_string(&body, view_of(reason));
	buffer_append_str(&body, "}\n");
	queued = answer(connection, status, &body);
	buffer_free(&body);
	return queued;
}

static enum MHD_Result
answer_stored(const IngestRequest *request)
{
	char id[UUID_TEXT_SIZE];
	Buffer body;
	enum MHD_Result queued;

	uuid_format(request->job.report.request_id, id);
	buffer_init(&body, ANSWER_LIMIT);
	buffer_printf(&body, "{\"request_id\":\"%s\",\"version\":%lld}\n", id,
				  (long long) request->job.version);
	queued =
		answer(request->connection,
			   mode_writes_target(request->mode) ? MHD_HTTP_CREATED : MHD_HTTP_ACCEPTED, &body);
	buffer_free(&body);
	return queued;
}

static enum MHD_Result
answer_result(const IngestRequest *request)
{
	switch (request->job.result)
	{
		case JOB_STORED:
			return answer_stored(request);
		case JOB_AWAY:
			return answer_error(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
								reject_reason_answer(REJECT_AWAY));
		case JOB_BUSY:
			return answer_error(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
								reject_reason_answer(REJECT_BUSY));
		case JOB_INVALID:
			return answer_error(request->connection, MHD_HTTP_BAD_REQUEST,
								"the database refused the values");
		case JOB_UNKNOWN:
			break;
	}
	return answer_error(request->connection, MHD_HTTP_GATEWAY_TIMEOUT,
						"nobody said whether it was stored");
}

/* -------------------------------------------------------------------------
 * a request
 * ------------------------------------------------------------------------- */

static void
request_done(PathJob *job)
{
	IngestRequest *request = job->arg;
	Ingest *ingest = request->ingest;

	atomic_store(&request->state, REQUEST_DONE);
	MHD_resume_connection(request->connection);
	ingest->open--;
}

/* "/drivers/{id}/location": the id, or false. */
static bool
driver_of_path(const char *path, const char **driver, size_t *len)
{
	size_t path_len = strlen(path);
	size_t around = strlen(PATH_PREFIX) + strlen(PATH_SUFFIX);

	if (path_len <= around || strncmp(path, PATH_PREFIX, strlen(PATH_PREFIX)) != 0 ||
		strcmp(path + path_len - strlen(PATH_SUFFIX), PATH_SUFFIX) != 0)
		return false;
	*driver = path + strlen(PATH_PREFIX);
	*len = path_len - around;
	return driver_id_valid(*driver, *len);
}

static bool
mode_of_query(const Ingest *ingest, struct MHD_Connection *connection, Mode *mode)
{
	const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "mode");

	if (text != NULL)
		return mode_parse(text, strlen(text), mode) && ingest->settings.modes[*mode];
	for (int i = 0; i < MODE_COUNT; i++)
	{
		if (ingest->settings.modes[i])
		{
			*mode = (Mode) i;
			return true;
		}
	}
	return false;
}

static enum MHD_Result
submit(Ingest *ingest, IngestRequest *request, const char *driver, size_t driver_len)
{
	LocationReport *report = &request->job.report;
	const char *reason;

	if (request->body.failed)
		return answer_error(request->connection, MHD_HTTP_CONTENT_TOO_LARGE,
							"the body is too large");
	if (!location_parse(request->body.data, request->body.len, report, &reason))
		return answer_error(request->connection, MHD_HTTP_BAD_REQUEST, reason);
	if (strlen(report->driver_id) != driver_len ||
		memcmp(report->driver_id, driver, driver_len) != 0)
		return answer_error(request->connection, MHD_HTTP_BAD_REQUEST,
							"\"driver_id\" is not the driver of the path");

	ingest->open++;
	if (ingest->stopping)
	{
		ingest->open--;
		return answer_error(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
							reject_reason_answer(REJECT_STOPPING));
	}
	request->ingest = ingest;
	request->job.done = request_done;
	request->job.arg = request;
	/* Suspended first: the path may be done before path_submit() returns. */
	atomic_store(&request->state, REQUEST_QUEUED);
	MHD_suspend_connection(request->connection);
	path_submit(ingest->paths[request->mode], &request->job);
	return MHD_YES;
}

static bool
all_ready(const Ingest *ingest)
{
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (ingest->paths[mode] != NULL && !path_ready(ingest->paths[mode]))
			return false;
	}
	return true;
}

static enum MHD_Result
answer_ready(const Ingest *ingest, struct MHD_Connection *connection)
{
	enum MHD_Result queued;
	Buffer body;

	if (!all_ready(ingest))
		return answer_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "not all connections are up");
	buffer_init(&body, ANSWER_LIMIT);
	buffer_append_str(&body, "{\"ready\":true}\n");
	queued = answer(connection, MHD_HTTP_OK, &body);
	buffer_free(&body);
	return queued;
}

static void
append_state(Buffer *body, Mode mode, const Path *path)
{
	int breaker = path_breaker(path);

	buffer_printf(body, "\"%s\":{\"connected\":%d,\"queued\":%lld,\"breaker\":", mode_name(mode),
				  path_connected(path), (long long) path_queued(path));
	if (breaker >= 0)
		buffer_printf(body, "%d}", breaker);
	else
		buffer_append_str(body, "null}");
}

static enum MHD_Result
answer_state(const Ingest *ingest, struct MHD_Connection *connection)
{
	const char *separator = "{\"paths\":{";
	enum MHD_Result queued;
	Buffer body;

	buffer_init(&body, STATE_LIMIT);
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (ingest->paths[mode] == NULL)
			continue;
		buffer_append_str(&body, separator);
		append_state(&body, (Mode) mode, ingest->paths[mode]);
		separator = ",";
	}
	buffer_append_str(&body, "}}\n");
	queued = answer(connection, MHD_HTTP_OK, &body);
	buffer_free(&body);
	return queued;
}

/* Of what isn't a report. */
static enum MHD_Result
answer_page(const Ingest *ingest, struct MHD_Connection *connection, const char *path,
			const char *method)
{
	bool ready = strcmp(path, "/readyz") == 0;

	if (!ready && strcmp(path, "/state") != 0)
		return answer_error(connection, MHD_HTTP_NOT_FOUND, "there is no such page");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return answer_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is for this page");
	return ready ? answer_ready(ingest, connection) : answer_state(ingest, connection);
}

static IngestRequest *
start_request(struct MHD_Connection *connection)
{
	IngestRequest *request = calloc(1, sizeof(*request));

	if (request == NULL)
		return NULL;
	request->connection = connection;
	buffer_init(&request->body, BODY_LIMIT);
	atomic_init(&request->state, REQUEST_READING);
	return request;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *path, const char *method,
		   const char *version, const char *upload, size_t *upload_size, void **context)
{
	Ingest *ingest = arg;
	IngestRequest *request = *context;
	const char *driver;
	size_t driver_len;

	(void) version;
	if (request == NULL)
	{
		*context = start_request(connection);
		return *context != NULL ? MHD_YES : MHD_NO;
	}
	if (atomic_load(&request->state) == REQUEST_DONE)
		return answer_result(request);
	if (*upload_size > 0)
	{
		request->received += *upload_size;
		if (request->received > BODY_READ_LIMIT)
			return MHD_NO; /* closes the connection */
		buffer_append(&request->body, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	if (!driver_of_path(path, &driver, &driver_len))
		return answer_page(ingest, connection, path, method);
	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return answer_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST is for this page");
	if (!http_from_this_machine(connection) || !http_same_origin(connection))
		return answer_error(connection, MHD_HTTP_FORBIDDEN, "sent from another site's page");
	if (!mode_of_query(ingest, connection, &request->mode))
		return answer_error(connection, MHD_HTTP_BAD_REQUEST, "there is no such mode");
	return submit(ingest, request, driver, driver_len);
}

/* The answer has left, and the message hasn't. */
static void
crash_between(Ingest *ingest, const IngestRequest *request)
{
	if (ingest->crashing && request->mode == MODE_DUAL_WRITE &&
		atomic_load(&request->state) == REQUEST_DONE && request->job.result == JOB_STORED &&
		path_queued(ingest->paths[MODE_DUAL_WRITE]) > 0)
		kill(getpid(), SIGKILL);
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	IngestRequest *request = *context;

	(void) connection;
	(void) code;
	if (request == NULL)
		return;
	crash_between(arg, request);
	buffer_free(&request->body);
	free(request);
	*context = NULL;
}

/* -------------------------------------------------------------------------
 * the server
 * ------------------------------------------------------------------------- */

static bool
start_paths(Ingest *ingest, Error *error)
{
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (!ingest->settings.modes[mode])
			continue;
		ingest->paths[mode] = path_start((Mode) mode, &ingest->settings, error);
		if (ingest->paths[mode] == NULL)
			return false;
	}
	return true;
}

/* Nobody is let in to find the doors behind closed; but one that stays closed keeps nobody out. */
static void
await_paths(const Ingest *ingest)
{
	MonoUsec until = clock_mono() + ingest->settings.limits.connect_timeout_usec;

	while (!all_ready(ingest) && clock_mono() < until)
		clock_sleep_until(clock_mono() + LOOK_USEC);
}

static bool
start_http(Ingest *ingest, Error *error)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
								  .sin_port = htons((uint16_t) ingest->settings.port)};
	const union MHD_DaemonInfo *info;

	ingest->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, ingest,
		MHD_OPTION_SOCK_ADDR, (struct sockaddr *) &address, MHD_OPTION_THREAD_POOL_SIZE,
		(unsigned) ingest->settings.limits.http_threads, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned) CONNECTION_LIMIT, MHD_OPTION_NOTIFY_COMPLETED, on_completed, ingest,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_CLIENT_BYTES, MHD_OPTION_END);
	if (ingest->daemon == NULL)
		return error_permanent(error, EXIT_SERVER, "could not listen at 127.0.0.1:%d",
							   ingest->settings.port);
	info = MHD_get_daemon_info(ingest->daemon, MHD_DAEMON_INFO_BIND_PORT);
	ingest->port = info != NULL ? info->port : 0;
	return true;
}

Ingest *
ingest_start(const IngestSettings *settings, Error *error)
{
	Ingest *ingest = calloc(1, sizeof(*ingest));

	if (ingest == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	ingest->settings = *settings;
	if (start_paths(ingest, error))
	{
		await_paths(ingest);
		if (start_http(ingest, error))
			return ingest;
	}
	ingest_stop(ingest);
	return NULL;
}

int
ingest_port(const Ingest *ingest)
{
	return ingest->port;
}

void
ingest_crash_between(Ingest *ingest)
{
	ingest->crashing = true;
}

void
ingest_stop(Ingest *ingest)
{
	if (ingest == NULL)
		return;
	/* Every job ends by its own time-outs, and the server stops with no connection suspended. */
	ingest->stopping = true;
	while (ingest->open > 0)
		clock_sleep_until(clock_mono() + LOOK_USEC);
	if (ingest->daemon != NULL)
		MHD_stop_daemon(ingest->daemon);
	for (int mode = 0; mode < MODE_COUNT; mode++)
		path_stop(ingest->paths[mode]);
	free(ingest);
}
