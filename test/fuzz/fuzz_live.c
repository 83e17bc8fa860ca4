/*
 * fuzz_live.c
 *	  Any bytes as what a browser sends to the live page: pages, the stream of events, orders.
 *	  "{{token}}" among them stands for the token that the page holds.
 */
#include "fuzz_talk.h"

#include "buffer.h"
#include "live.h"
#include "part.h"
#include "web.h"

#define TOKEN "{{token}}"
#define REQUEST_MAX ((size_t) 1 << 20)

static Live *live;
static FuzzTalk talk;
static int port;
static char token[64];

/* In place of the program's files. */
ByteView
web_file(WebFile file)
{
	return view_of(file == WEB_LIVE_HTML ? "<p>" TOKEN "</p>" : "x");
}

static void
start(void)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	Error error;
	const char *from;

	live = live_start(&(LiveConfig){"127.0.0.1:0", true}, &error);
	FUZZ_ASSERT(live != NULL);
	port = (int) strtol(strrchr(live_url(live), ':') + 1, NULL, 10);
	from = strstr(fuzz_talk_to_end(&talk, port, -1, NULL, get), "<p>");
	FUZZ_ASSERT(from != NULL && strcspn(from + 3, "<") == 32);
	snprintf(token, sizeof(token), "%.32s", from + 3);
}

/* With the token where it belongs. */
static void
fill_in(Buffer *request, const uint8_t *data, size_t size)
{
	while (size > 0)
	{
		const uint8_t *place = memmem(data, size, TOKEN, strlen(TOKEN));
		size_t before = place != NULL ? (size_t) (place - data) : size;

		buffer_append(request, data, before);
		if (place != NULL)
			buffer_append_str(request, token);
		data += place != NULL ? before + strlen(TOKEN) : before;
		size -= place != NULL ? before + strlen(TOKEN) : before;
	}
	FUZZ_ASSERT(!request->failed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Buffer request;
	LiveCommand command;
	Part part;

	if (live == NULL)
		start();
	buffer_init(&request, REQUEST_MAX);
	fill_in(&request, data, size);
	(void) fuzz_talk(&talk, port, -1, NULL, (const uint8_t *) request.data, request.len);
	/* Readers that are gone are found out when there is something to tell. */
	live_publish(live, "{\"t\":\n1}", 8);
	while (live_command(live, &command))
	{
		FUZZ_ASSERT(command.order == LIVE_CRASH || command.order == LIVE_RESTORE);
		FUZZ_ASSERT(part_parse(command.part, strlen(command.part), &part));
		/* Nobody who doesn't know the token can give an order. */
		FUZZ_ASSERT(memmem(request.data, request.len, token, strlen(token)) != NULL);
	}
	buffer_free(&request);
	fuzz_talk_check(&talk, port, -1, NULL, "/live.css");
	return 0;
}
