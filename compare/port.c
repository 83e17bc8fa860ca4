/*
 * port.c
 *	  Tries ports at random, so that several runs at once rarely meet.
 */
#include "port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "random.h"

#define PORT_FIRST 10000
#define PORT_COUNT 6000 /* the others are of the tests (test/e2e/harness/ports.py) */
#define PORT_TRIES 200

static bool
is_free(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
								  .sin_port = htons((uint16_t) port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool bound = fd >= 0 && bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0;

	if (fd >= 0)
		close(fd);
	return bound;
}

int
port_find(void)
{
	Random random;

	random_seed(&random, random_seed_from_system());
	for (int i = 0; i < PORT_TRIES; i++)
	{
		int port = PORT_FIRST + (int) random_below(&random, PORT_COUNT);

		if (is_free(port))
			return port;
	}
	return 0;
}
