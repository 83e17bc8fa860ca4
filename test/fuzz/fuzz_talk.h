/*
 * fuzz_talk.h
 *	  For targets that are HTTP servers: any bytes come over a connection of their own.
 *
 * Whatever they are, the server answers with HTTP or closes, and is there for the next one.
 */
#ifndef OUTBOX_TEST_FUZZ_TALK_H
#define OUTBOX_TEST_FUZZ_TALK_H

#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TALK_ANSWER_MAX 65536
#define TALK_PATIENCE_MS 20000
#define TALK_WAIT_MS 1000
/* Looks at which nothing happened; of a server with a thread of its own, for how long each. */
#define TALK_IDLE_TURNS 3
#define TALK_IDLE_MS 2
#define TALK_CHECK_EVERY 100

typedef struct FuzzTalk
{
	int fd;
	const uint8_t *left;
	size_t left_len;
	char answer[TALK_ANSWER_MAX + 1];
	size_t len;
	bool over; /* the server closed, or says things without an end */
} FuzzTalk;

/* What the server has to do between two looks; NULL: it has a thread of its own. */
typedef void (*FuzzTurn)(void);

static inline void
fuzz_talk_open(FuzzTalk *talk, int port, const uint8_t *data, size_t size)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_port = htons((uint16_t) port),
								  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	/* Closed at once, so that no port is left waiting. */
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	talk->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	talk->left = data;
	talk->left_len = size;
	talk->len = 0;
	talk->over = false;
	FUZZ_ASSERT(talk->fd >= 0);
	FUZZ_ASSERT(setsockopt(talk->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	FUZZ_ASSERT(connect(talk->fd, (struct sockaddr *) &address, sizeof(address)) == 0);
}

static inline void
fuzz_talk_send(FuzzTalk *talk)
{
	ssize_t sent;

	if (talk->left_len == 0)
		return;
	sent = send(talk->fd, talk->left, talk->left_len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent > 0)
	{
		talk->left += sent;
		talk->left_len -= (size_t) sent;
	}
	else
		talk->left_len = 0; /* the server had enough */
}

/* What a reader of events gets has no end: its beginning is enough. */
static inline void
fuzz_talk_receive(FuzzTalk *talk)
{
	ssize_t got =
		recv(talk->fd, talk->answer + talk->len, TALK_ANSWER_MAX - talk->len, MSG_DONTWAIT);

	if (got > 0)
		talk->len += (size_t) got;
	talk->answer[talk->len] = '\0';
	talk->over = (got <= 0 && !(got < 0 && (errno == EAGAIN || errno == EINTR))) ||
				 talk->len == TALK_ANSWER_MAX ||
				 memmem(talk->answer, talk->len, "text/event-stream", 17) != NULL;
}

/* One look at both ends; false when nothing happened within the time. */
static inline bool
fuzz_talk_turn(FuzzTalk *talk, int server_fd, FuzzTurn turn, int patience_ms)
{
	struct pollfd fds[2] = {{talk->fd, (short) (talk->left_len > 0 ? POLLIN | POLLOUT : POLLIN), 0},
							{server_fd, POLLIN, 0}};
	bool ready = poll(fds, server_fd >= 0 ? 2 : 1, patience_ms) > 0;

	if (turn != NULL)
		turn();
	fuzz_talk_send(talk);
	fuzz_talk_receive(talk);
	return ready;
}

/*
 * All answers, terminated; "" when there was none.  The sender goes when nothing comes any more:
 * a server waits for the rest of a request, or for the next one, as long as it is patient.
 */
static inline const char *
fuzz_talk(FuzzTalk *talk, int port, int server_fd, FuzzTurn turn, const uint8_t *data, size_t size)
{
	int idle = 0;

	fuzz_talk_open(talk, port, data, size);
	while (!talk->over && (talk->left_len > 0 || idle < TALK_IDLE_TURNS))
		idle =
			fuzz_talk_turn(talk, server_fd, turn, turn != NULL ? 0 : TALK_IDLE_MS) ? 0 : idle + 1;
	close(talk->fd);
	if (turn != NULL)
		turn();
	FUZZ_ASSERT(talk->len == 0 || strncmp(talk->answer, "HTTP/1.", 7) == 0);
	return talk->answer;
}

/* The same of a request after which the server closes, for which there has to be an answer. */
static inline const char *
fuzz_talk_to_end(FuzzTalk *talk, int port, int server_fd, FuzzTurn turn, const char *request)
{
	int waits = 0;

	fuzz_talk_open(talk, port, (const uint8_t *) request, strlen(request));
	while (!talk->over)
	{
		waits += !fuzz_talk_turn(talk, server_fd, turn, TALK_WAIT_MS);
		FUZZ_ASSERT(waits * TALK_WAIT_MS < TALK_PATIENCE_MS);
	}
	close(talk->fd);
	FUZZ_ASSERT(strncmp(talk->answer, "HTTP/1.1 200 ", 13) == 0);
	return talk->answer;
}

/* Now and then: whatever came before, the server is there. */
static inline void
fuzz_talk_check(FuzzTalk *talk, int port, int server_fd, FuzzTurn turn, const char *path)
{
	static unsigned count;
	char request[200];

	if (count++ % TALK_CHECK_EVERY != 0)
		return;
	snprintf(request, sizeof(request),
			 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	(void) fuzz_talk_to_end(talk, port, server_fd, turn, request);
}

#endif
