/*
 * fuzz_http.c
 *	  Any bytes as what a client of the daemons' HTTP server sends.
 */
#include "fuzz_talk.h"

#include "http.h"

static HttpServer *server;
static FuzzTalk talk;

/* As many pages as the daemons have: small, large, none, and one that takes orders. */
static bool
page(const char *method, const char *path, HttpResponse *response, void *arg)
{
	(void) arg;
	FUZZ_ASSERT(strcmp(method, "GET") == 0 || strcmp(method, "POST") == 0);
	if (strcmp(path, "/status") == 0)
	{
		response->content_type = "application/json";
		buffer_append_json_string(&response->body, view_of(path));
	}
	else if (strcmp(path, "/reset") == 0)
		response->status = strcmp(method, "POST") == 0 ? 202 : 405;
	else if (strcmp(path, "/metrics") == 0)
		for (int i = 0; i < 1000; i++)
			buffer_printf(&response->body, "m{n=\"%d\"} 1\n", i);
	else if (strcmp(path, "/failed") == 0)
		response->body.failed = true;
	else
		return strcmp(path, "/healthz") == 0;
	return true;
}

static void
turn(void)
{
	http_run(server);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Error error;

	if (server == NULL)
		server = http_start("127.0.0.1:0", page, NULL, &error);
	FUZZ_ASSERT(server != NULL);
	(void) fuzz_talk(&talk, http_port(server), http_fd(server), turn, data, size);
	fuzz_talk_check(&talk, http_port(server), http_fd(server), turn, "/healthz");
	return 0;
}
