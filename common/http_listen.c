/*
 * http_listen.c
 *	  An address to listen on, and a socket there.
 */
#include "http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exit_codes.h"

#define HTTP_HOST_MAX 255

/* Splits "host:port" or "[host]:port" at the last colon. */
static bool
split_listen(const char *listen_at, char *host, const char **port, Error *error)
{
	const char *colon = strrchr(listen_at, ':');
	size_t host_len = colon != NULL ? (size_t) (colon - listen_at) : 0;
	const char *start = listen_at;
	char *end = NULL;
	unsigned long number;

	if (host_len >= 2 && start[0] == '[' && start[host_len - 1] == ']')
	{
		start++;
		host_len -= 2;
	}
	else if (memchr(listen_at, ':', host_len) != NULL)
		host_len = 0;

	number = colon != NULL && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10)
																 : UINT32_MAX;
	if (host_len == 0 || host_len > HTTP_HOST_MAX || number > UINT16_MAX || *end != '\0')
	{
		error_permanent(error, EXIT_CONFIG, "invalid address to listen on: \"%s\"", listen_at);
		return error_hint(error, "Write it as \"127.0.0.1:9187\" or \"[::1]:9187\".");
	}
	memcpy(host, start, host_len);
	host[host_len] = '\0';
	*port = colon + 1;
	return true;
}

int
http_listen(const char *listen_at, Error *error)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
							 .ai_socktype = SOCK_STREAM,
							 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *addresses;
	char host[HTTP_HOST_MAX + 1];
	const char *port = NULL;
	const int on = 1;
	int code;
	int fd;

	if (!split_listen(listen_at, host, &port, error))
		return -1;
	code = getaddrinfo(host, port, &hints, &addresses);
	if (code != 0)
	{
		error_permanent(error, EXIT_CONFIG, "could not resolve \"%s\" to listen on: %s", host,
						gai_strerror(code));
		return -1;
	}
	fd = socket(addresses->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(fd, addresses->ai_addr, addresses->ai_addrlen) != 0 || listen(fd, 64) != 0)
	{
		const int reason = errno;

		error_permanent(error, EXIT_CONFIG, "could not listen on \"%s\": %s", listen_at,
						strerror(reason));
		if (reason == EADDRINUSE)
			error_hint(error, "Another program listens there, perhaps another one of these: give "
							  "this one its own \"http.listen\", port 0 for any free port, or an "
							  "empty one to serve nothing.");
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(addresses);
	return fd;
}

int
http_listen_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *) &address, &len) != 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *) &address)->sin6_port);
	return ntohs(((struct sockaddr_in *) &address)->sin_port);
}
