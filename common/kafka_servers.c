/*
 * kafka_servers.c
 *	  The form of kafka.bootstrap.servers.
 *
 * Refuses what has no host, no port that is one, an IPv6 address without brackets (nobody knows
 * where its port begins), white space within, and a protocol that isn't security.protocol.
 */
#include "kafka_servers.h"

#include "buffer.h"
#include "exit_codes.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REASON_SIZE 160

static bool
is_one_of(ByteView text, const char *word)
{
	return text.len == strlen(word) && strncasecmp((const char *) text.data, word, text.len) == 0;
}

static ByteView
drop(ByteView text, size_t len)
{
	return (ByteView){text.data + len, text.len - len};
}

static bool
is_name(ByteView host)
{
	for (size_t i = 0; i < host.len; i++)
	{
		unsigned char c = host.data[i];

		/* Names of other scripts are the resolver's to judge. */
		if (!isalnum(c) && strchr(".-_", c) == NULL && c < 0x80)
			return false;
	}
	return host.len > 0;
}

static bool
is_port(ByteView text)
{
	unsigned number = 0;

	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] < '0' || text.data[i] > '9' || number > 65535)
			return false;
		number = number * 10 + (text.data[i] - '0');
	}
	return number >= 1 && number <= 65535;
}

/* "[address]" and what is behind it. */
static const char *
check_address(ByteView *server)
{
	const uint8_t *end = memchr(server->data, ']', server->len);
	size_t len = end != NULL ? (size_t) (end - server->data) - 1 : 0;
	char address[INET6_ADDRSTRLEN + 32];
	struct in6_addr ignored;

	if (end == NULL || len >= sizeof(address))
		return "has no IPv6 address in its brackets";
	memcpy(address, server->data + 1, len);
	address[len] = '\0';
	address[strcspn(address, "%")] = '\0'; /* the interface of a link-local one */
	*server = drop(*server, len + 2);
	return inet_pton(AF_INET6, address, &ignored) == 1 ? NULL
													   : "has no IPv6 address in its brackets";
}

/* NULL: it is host[:port]. */
static const char *
check_host(ByteView server)
{
	const uint8_t *colon = memchr(server.data, ':', server.len);
	const char *problem = NULL;

	if (server.len > 0 && server.data[0] == '[')
		problem = check_address(&server);
	else
	{
		size_t len = colon != NULL ? (size_t) (colon - server.data) : server.len;

		if (colon != NULL && memchr(colon + 1, ':', server.len - len - 1) != NULL)
			return "has an IPv6 address without brackets, or a port too many";
		if (len == 0)
			return "has no host";
		if (!is_name((ByteView){server.data, len}))
			problem = "has no name of a host";
		server = drop(server, len);
	}
	if (problem != NULL || server.len == 0)
		return problem;
	return server.data[0] == ':' && is_port(drop(server, 1)) ? NULL : "has no port from 1 to 65535";
}

static bool
check_server(ByteView server, const char *protocol, char reason[REASON_SIZE])
{
	static const char *const known[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL", NULL};
	const uint8_t *behind = memmem(server.data, server.len, "://", 3);
	const char *problem = NULL;

	if (behind != NULL)
	{
		ByteView name = {server.data, (size_t) (behind - server.data)};
		const uint8_t *path;
		int i = 0;

		while (known[i] != NULL && !is_one_of(name, known[i]))
			i++;
		if (known[i] == NULL)
			problem = "has no protocol of Kafka";
		else if (!is_one_of(name, protocol))
		{
			snprintf(reason, REASON_SIZE, "has another protocol than security.protocol, \"%s\"",
					 protocol);
			return false;
		}
		server = drop(server, name.len + 3);
		path = memchr(server.data, '/', server.len);
		if (path != NULL)
			server.len = (size_t) (path - server.data);
	}
	if (problem == NULL)
		problem = check_host(server);
	if (problem != NULL)
		snprintf(reason, REASON_SIZE, "%s", problem);
	return problem == NULL;
}

static bool
refuse(const char *origin, const char *what, Error *error)
{
	error_permanent(error, EXIT_CONFIG, "%s: \"kafka.bootstrap.servers\" can't be used: %s", origin,
					what);
	return error_hint(error, "Write host:port,host:port, and an IPv6 address as [::1]:9092.");
}

bool
kafka_servers_check(const char *servers, const char *origin, const char *protocol, Error *error)
{
	bool any = false;

	for (const char *next = servers; *next != '\0';)
	{
		ByteView server = {(const uint8_t *) next, strcspn(next, ",")};
		char reason[REASON_SIZE];
		char text[REASON_SIZE + 200];

		next += server.len;
		next += *next == ',';
		while (server.len > 0 && server.data[0] == ' ')
			server = drop(server, 1);
		while (server.len > 0 && server.data[server.len - 1] == ' ')
			server.len--;
		if (server.len == 0)
			continue;
		any = true;
		if (check_server(server, protocol, reason))
			continue;
		snprintf(text, sizeof(text), "\"%.*s\" %s", server.len < 150 ? (int) server.len : 150,
				 (const char *) server.data, reason);
		return refuse(origin, text, error);
	}
	return any || refuse(origin, "it names no broker", error);
}
