/*
 * scrape.c
 *	  A GET that waits at most so long, and a look into the Prometheus format.
 */
#include "scrape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

static bool
wait_for(int fd, short events, MonoUsec deadline)
{
	struct pollfd descriptor = {fd, events, 0};
	int64_t left = deadline - clock_mono();

	return left > 0 && poll(&descriptor, 1, (int) ((left + USEC_PER_MS - 1) / USEC_PER_MS)) > 0;
}

static int
connect_to(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
								  .sin_port = htons((uint16_t) port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *) &address, sizeof(address)) != 0 &&
		errno != EINPROGRESS)
	{
		close(fd);
		return -1;
	}
	return fd;
}

/* Until the server closes the connection, which it was asked to do. */
static bool
read_all(int fd, MonoUsec deadline, Buffer *answer)
{
	char chunk[4096];

	while (wait_for(fd, POLLIN, deadline))
	{
		ssize_t count = recv(fd, chunk, sizeof(chunk), 0);

		if (count == 0)
			return true;
		if (count < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (count > 0)
			buffer_append(answer, chunk, (size_t) count);
	}
	return false;
}

/* Takes the head away; the status, or 0. */
static int
strip_head(Buffer *answer)
{
	const char *end = answer->len > 0 ? strstr(answer->data, "\r\n\r\n") : NULL;
	size_t head;
	int status;

	if (answer->failed || end == NULL || strncmp(answer->data, "HTTP/1.", 7) != 0)
		return 0;
	status = (int) strtol(answer->data + strlen("HTTP/1.1 "), NULL, 10);
	head = (size_t) (end - answer->data) + 4;
	memmove(answer->data, answer->data + head, answer->len - head + 1);
	answer->len -= head;
	return status;
}

int
scrape_get(int port, const char *path, int64_t timeout_usec, Buffer *body)
{
	MonoUsec deadline = clock_mono() + timeout_usec;
	int fd = connect_to(port);
	char request[256];
	int len;
	bool complete;

	buffer_reset(body);
	if (fd < 0)
		return 0;
	len = snprintf(request, sizeof(request),
				   "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	complete = len > 0 && (size_t) len < sizeof(request) && wait_for(fd, POLLOUT, deadline) &&
			   send(fd, request, (size_t) len, MSG_NOSIGNAL) == len && read_all(fd, deadline, body);
	close(fd);
	return complete ? strip_head(body) : 0;
}

bool
scrape_metric(const char *text, const char *name, double *sum)
{
	size_t len = strlen(name);
	bool found = false;

	*sum = 0;
	for (const char *line = text; line != NULL && *line != '\0';)
	{
		const char *newline = strchr(line, '\n');
		const char *value = line + len;

		if (strncmp(line, name, len) == 0 && (*value == ' ' || *value == '{'))
		{
			/* Label values of ours have no closing brace. */
			if (*value == '{')
				value = strchr(value, '}');
			if (value != NULL && (newline == NULL || value < newline))
			{
				*sum += strtod(value + (*value == '}'), NULL);
				found = true;
			}
		}
		line = newline != NULL ? newline + 1 : NULL;
	}
	return found;
}
