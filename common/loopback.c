/*
 * loopback.c
 *	  Addresses and names of this machine.
 *
 * Refuses whatever it doesn't know for sure.
 */
#include "loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 63

static bool
is_127(uint32_t network_order)
{
	return ntohl(network_order) >> 24 == 127;
}

bool
loopback_address(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *) (const void *) address;
	uint32_t mapped;

	if (address == NULL)
		return false;
	switch (address->sa_family)
	{
		case AF_UNIX:
			return true;
		case AF_INET:
			return is_127(((const struct sockaddr_in *) (const void *) address)->sin_addr.s_addr);
		case AF_INET6:
			if (IN6_IS_ADDR_LOOPBACK(&six->sin6_addr))
				return true;
			memcpy(&mapped, &six->sin6_addr.s6_addr[12], sizeof(mapped));
			return IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) && is_127(mapped);
		default:
			return false;
	}
}

/* ":" and digits alone, or nothing. */
static bool
is_port(const char *text)
{
	if (*text == '\0')
		return true;
	return *text == ':' && strspn(text + 1, "0123456789") == strlen(text + 1);
}

bool
loopback_host(const char *host)
{
	static const char ipv6[] = "[::1]";
	char name[HOST_MAX + 1];
	struct in_addr four;
	size_t len;

	if (host == NULL)
		return false;
	if (strncmp(host, ipv6, sizeof(ipv6) - 1) == 0)
		return is_port(host + sizeof(ipv6) - 1);
	len = strcspn(host, ":");
	if (len > HOST_MAX || !is_port(host + len))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	return strcasecmp(name, "localhost") == 0 ||
		   (inet_pton(AF_INET, name, &four) == 1 && is_127(four.s_addr));
}
