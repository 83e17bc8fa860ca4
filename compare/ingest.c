/*
 * ingest.c
 *	  HTTP in front of the pools (libmicrohttpd).
 *
 * A request is read completely, checked, and given to its mode's pool while its
 * connection is suspended; the pool's thread resumes it with the result.  So no
 * mode can take the HTTP threads away from the other.  Refuses bodies over
 * BODY_LIMIT and drivers whose id is not that of the body.
 */
#include "ingest.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "location.h"

#define BODY_LIMIT 4096
#define ANSWER_LIMIT 512
#define PATH_PREFIX "/drivers/"
#define PATH_SUFFIX "/location"

struct Ingest
{
	IngestConfig config;
	struct MHD_Daemon *daemon;
	Pool *pools[MODE_COUNT];
	int port;
};

typedef enum RequestState
{
	REQUEST_READING,
	REQUEST_QUEUED,
	REQUEST_DONE
} RequestState;

typedef struct IngestRequest
{
	PoolJob job;
	struct MHD_Connection *connection;
	Mode mode;
	Buffer body;
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
	queued = answer(request->connection,
					request->mode == MODE_DIRECT ? MHD_HTTP_CREATED : MHD_HTTP_ACCEPTED, &body);
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
								"the database is away");
		case JOB_BUSY:
			return answer_error(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
								"all connections are in use");
		case JOB_INVALID:
			return answer_error(request->connection, MHD_HTTP_BAD_REQUEST,
								"the database refused the values");
		case JOB_UNKNOWN:
			break;
	}
	return answer_error(request->connection, MHD_HTTP_GATEWAY_TIMEOUT,
						"the database did not say whether it was stored");
}

/* -------------------------------------------------------------------------
 * a request
 * ------------------------------------------------------------------------- */

static void
request_done(PoolJob *job)
{
	IngestRequest *request = job->arg;

	atomic_store(&request->state, REQUEST_DONE);
	MHD_resume_connection(request->connection);
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
		return mode_parse(text, strlen(text), mode) && ingest->config.modes[*mode];
	for (int i = 0; i < MODE_COUNT; i++)
	{
		if (ingest->config.modes[i])
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

	request->job.done = request_done;
	request->job.arg = request;
	/* Suspended first: the pool may be done before pool_submit() returns. */
	atomic_store(&request->state, REQUEST_QUEUED);
	MHD_suspend_connection(request->connection);
	if (!pool_submit(ingest->pools[request->mode], &request->job))
		request_done(&request->job);
	return MHD_YES;
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
		buffer_append(&request->body, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	if (!driver_of_path(path, &driver, &driver_len))
		return answer_error(connection, MHD_HTTP_NOT_FOUND, "there is no such page");
	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return answer_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST is for this page");
	if (!mode_of_query(ingest, connection, &request->mode))
		return answer_error(connection, MHD_HTTP_BAD_REQUEST, "there is no such mode");
	return submit(ingest, request, driver, driver_len);
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	IngestRequest *request = *context;

	(void) arg;
	(void) connection;
	(void) code;
	if (request == NULL)
		return;
	buffer_free(&request->body);
	free(request);
	*context = NULL;
}

/* -------------------------------------------------------------------------
 * the server
 * ------------------------------------------------------------------------- */

static bool
start_pools(Ingest *ingest, Error *error)
{
	for (int i = 0; i < MODE_COUNT; i++)
	{
		if (!ingest->config.modes[i])
			continue;
		ingest->pools[i] = pool_start(&ingest->config.pools[i], error);
		if (ingest->pools[i] == NULL)
			return false;
	}
	return true;
}

static bool
start_http(Ingest *ingest, Error *error)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const union MHD_DaemonInfo *info;

	ingest->daemon =
		MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
						 on_request, ingest, MHD_OPTION_SOCK_ADDR, (struct sockaddr *) &address,
						 MHD_OPTION_THREAD_POOL_SIZE, (unsigned) ingest->config.http_threads,
						 MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (ingest->daemon == NULL)
		return error_bug(error, "could not start the HTTP server");
	info = MHD_get_daemon_info(ingest->daemon, MHD_DAEMON_INFO_BIND_PORT);
	ingest->port = info != NULL ? info->port : 0;
	return true;
}

Ingest *
ingest_start(const IngestConfig *config, Error *error)
{
	Ingest *ingest = calloc(1, sizeof(*ingest));

	if (ingest == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	ingest->config = *config;
	if (!start_pools(ingest, error) || !start_http(ingest, error))
	{
		ingest_stop(ingest);
		return NULL;
	}
	return ingest;
}

int
ingest_port(const Ingest *ingest)
{
	return ingest->port;
}

int
ingest_connected(const Ingest *ingest, Mode mode)
{
	return ingest->pools[mode] != NULL ? pool_connected(ingest->pools[mode]) : 0;
}

void
ingest_stop(Ingest *ingest)
{
	if (ingest == NULL)
		return;
	/*
	 * The load has ended: nobody submits any more.  The pools resume every
	 * suspended connection, which the server needs before it can stop.
	 */
	for (int i = 0; i < MODE_COUNT; i++)
		pool_stop(ingest->pools[i]);
	if (ingest->daemon != NULL)
		MHD_stop_daemon(ingest->daemon);
	free(ingest);
}
