/*
 * proxy.c
 *	  The proxy's thread: listeners, orders, and one loop over all connections.
 *
 * What another thread wants is noted under the mutex, and an eventfd wakes the
 * loop, which alone touches connections.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exit_codes.h"
#include "port.h"
#include "proxy_pipe.h"

#define MAX_EVENTS 64
#define BACKLOG 128
#define PORT_TRIES 10

typedef struct ProxyLink
{
	int port;	/* of the listener; settled before there is a thread */
	int target; /* where it leads */
	int listen_fd;
	ProxyToxics toxics; /* under the mutex; so the next two */
	bool reset;
	int connections;
} ProxyLink;

struct Proxy
{
	ProxyLink links[PROXY_LINKS_MAX];
	int count;
	int epoll_fd;
	int wake_fd;
	pthread_mutex_t mutex;
	pthread_t thread;
	bool running;
	bool stopping; /* under the mutex */
	PipeList pipes;
	Random random;
};

static struct sockaddr_in
loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
								.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
								.sin_port = htons((uint16_t) port)};
}

/* Writes nothing that the other thread reads: the port is what it was. */
static bool
open_listener(Proxy *proxy, ProxyLink *link)
{
	struct sockaddr_in address = loopback(link->port);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 || listen(fd, BACKLOG) != 0 ||
		epoll_ctl(proxy->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
	{
		close(fd);
		return false;
	}
	link->listen_fd = fd;
	return true;
}

/* On a port that stays ours while a fault has closed it; when somebody is quicker, on another. */
static bool
open_first(Proxy *proxy, ProxyLink *link)
{
	for (int i = 0; i < PORT_TRIES; i++)
	{
		link->port = port_find();
		if (link->port != 0 && open_listener(proxy, link))
			return true;
	}
	return false;
}

static void
accept_one(Proxy *proxy, ProxyLink *link)
{
	struct sockaddr_in address = loopback(link->target);
	int client = accept4(link->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int server;
	Pipe *pipe;

	if (client < 0)
		return;
	server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server >= 0 && connect(server, (struct sockaddr *) &address, sizeof(address)) != 0 &&
		errno != EINPROGRESS)
	{
		/* Nobody there: the client hears the same. */
		pipe_reset_descriptor(client);
		close(server);
		return;
	}
	pipe = server >= 0 ? pipe_create(proxy->epoll_fd, client, server, (int) (link - proxy->links))
					   : NULL;
	if (pipe == NULL)
	{
		close(client);
		if (server >= 0)
			close(server);
		return;
	}
	pipe_list_add(&proxy->pipes, pipe);
}

/* -------------------------------------------------------------------------
 * orders
 * ------------------------------------------------------------------------- */

static void
reset_pipes(Proxy *proxy, int link)
{
	for (Pipe *pipe = proxy->pipes.first, *next; pipe != NULL; pipe = next)
	{
		next = pipe->next;
		if (pipe->link == link)
			pipe_reset(pipe);
	}
}

static void
turn_link(Proxy *proxy, int index, bool reset, const ProxyToxics *toxics)
{
	ProxyLink *link = &proxy->links[index];

	if (toxics->refuse && link->listen_fd >= 0)
	{
		close(link->listen_fd);
		link->listen_fd = -1;
	}
	/* When somebody else has the port for a moment, the next turn tries again. */
	else if (!toxics->refuse && link->listen_fd < 0)
		open_listener(proxy, link);
	/* Last: who sees the reset is refused already. */
	if (reset || toxics->refuse)
		reset_pipes(proxy, index);
}

/* Takes the orders; false when the thread is to end. */
static bool
take_orders(Proxy *proxy, ProxyToxics *toxics)
{
	bool resets[PROXY_LINKS_MAX];
	bool stopping;

	pthread_mutex_lock(&proxy->mutex);
	for (int i = 0; i < proxy->count; i++)
	{
		toxics[i] = proxy->links[i].toxics;
		resets[i] = proxy->links[i].reset;
		proxy->links[i].reset = false;
	}
	stopping = proxy->stopping;
	pthread_mutex_unlock(&proxy->mutex);
	for (int i = 0; i < proxy->count && !stopping; i++)
		turn_link(proxy, i, resets[i], &toxics[i]);
	return !stopping;
}

static void
note_connections(Proxy *proxy)
{
	int counts[PROXY_LINKS_MAX] = {0};

	for (const Pipe *pipe = proxy->pipes.first; pipe != NULL; pipe = pipe->next)
		counts[pipe->link]++;
	pthread_mutex_lock(&proxy->mutex);
	for (int i = 0; i < proxy->count; i++)
		proxy->links[i].connections = counts[i];
	pthread_mutex_unlock(&proxy->mutex);
}

/* -------------------------------------------------------------------------
 * the loop
 * ------------------------------------------------------------------------- */

static ProxyLink *
link_of(Proxy *proxy, void *token)
{
	for (int i = 0; i < proxy->count; i++)
	{
		if (token == &proxy->links[i])
			return &proxy->links[i];
	}
	return NULL;
}

static void
take_event(Proxy *proxy, const struct epoll_event *event)
{
	ProxyLink *link = link_of(proxy, event->data.ptr);
	uint64_t count;

	if (event->data.ptr == &proxy->wake_fd)
	{
		if (read(proxy->wake_fd, &count, sizeof(count)) < 0)
			return; /* nothing was there after all */
	}
	else if (link != NULL)
	{
		if (link->listen_fd >= 0)
			accept_one(proxy, link);
	}
	else
		pipe_note_event(event->data.ptr, event->events);
}

/* Moves what can be moved; returns when the next chunk is due. */
static MonoUsec
turn_pipes(Proxy *proxy, const ProxyToxics *toxics)
{
	MonoUsec now = clock_mono();
	MonoUsec next_due = MONO_NEVER;

	for (Pipe *pipe = proxy->pipes.first, *next; pipe != NULL; pipe = next)
	{
		MonoUsec due = pipe_turn(pipe, &toxics[pipe->link], &proxy->random, now);

		next = pipe->next;
		if (pipe->dead)
			pipe_list_remove(&proxy->pipes, pipe);
		else if (due < next_due)
			next_due = due;
	}
	return next_due;
}

static int
timeout_until(MonoUsec at)
{
	int64_t left = at - clock_mono();

	if (at == MONO_NEVER)
		return 1000;
	if (left <= 0)
		return 0;
	return left > USEC_PER_SEC ? 1000 : (int) ((left + USEC_PER_MS - 1) / USEC_PER_MS);
}

static void *
run_proxy(void *arg)
{
	Proxy *proxy = arg;
	ProxyToxics toxics[PROXY_LINKS_MAX] = {{0}};
	struct epoll_event events[MAX_EVENTS];

	while (take_orders(proxy, toxics))
	{
		MonoUsec due = turn_pipes(proxy, toxics);
		int count;

		note_connections(proxy);
		count = epoll_wait(proxy->epoll_fd, events, MAX_EVENTS, timeout_until(due));
		for (int i = 0; i < count; i++)
			take_event(proxy, &events[i]);
	}
	return NULL;
}

/* -------------------------------------------------------------------------
 * for the other thread
 * ------------------------------------------------------------------------- */

static bool
prepare(Proxy *proxy, const int *ports, int count)
{
	struct epoll_event wake = {.events = EPOLLIN, .data.ptr = &proxy->wake_fd};

	proxy->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	proxy->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	proxy->count = count;
	for (int i = 0; i < count; i++)
		proxy->links[i] = (ProxyLink){.target = ports[i], .listen_fd = -1};
	if (proxy->epoll_fd < 0 || proxy->wake_fd < 0 ||
		epoll_ctl(proxy->epoll_fd, EPOLL_CTL_ADD, proxy->wake_fd, &wake) != 0)
		return false;
	for (int i = 0; i < count; i++)
	{
		if (!open_first(proxy, &proxy->links[i]))
			return false;
	}
	return true;
}

Proxy *
proxy_start(const int *ports, int count, Error *error)
{
	Proxy *proxy = calloc(1, sizeof(*proxy));

	if (proxy == NULL || count > PROXY_LINKS_MAX)
	{
		free(proxy);
		error_bug(error, "could not make the proxy");
		return NULL;
	}
	pthread_mutex_init(&proxy->mutex, NULL);
	random_seed(&proxy->random, random_seed_from_system());
	if (!prepare(proxy, ports, count) ||
		pthread_create(&proxy->thread, NULL, run_proxy, proxy) != 0)
	{
		error_permanent(error, EXIT_SERVER, "could not start the proxy: %s", strerror(errno));
		proxy_stop(proxy);
		return NULL;
	}
	proxy->running = true;
	return proxy;
}

static void
wake(Proxy *proxy)
{
	uint64_t one = 1;

	if (write(proxy->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is awake */
}

void
proxy_stop(Proxy *proxy)
{
	if (proxy == NULL)
		return;
	if (proxy->running)
	{
		pthread_mutex_lock(&proxy->mutex);
		proxy->stopping = true;
		pthread_mutex_unlock(&proxy->mutex);
		wake(proxy);
		pthread_join(proxy->thread, NULL);
	}
	while (proxy->pipes.first != NULL)
	{
		pipe_reset(proxy->pipes.first);
		pipe_list_remove(&proxy->pipes, proxy->pipes.first);
	}
	for (int i = 0; i < proxy->count; i++)
	{
		if (proxy->links[i].listen_fd >= 0)
			close(proxy->links[i].listen_fd);
	}
	if (proxy->epoll_fd >= 0)
		close(proxy->epoll_fd);
	if (proxy->wake_fd >= 0)
		close(proxy->wake_fd);
	pthread_mutex_destroy(&proxy->mutex);
	free(proxy);
}

int
proxy_port(const Proxy *proxy, int link)
{
	return proxy->links[link].port;
}

void
proxy_set(Proxy *proxy, int link, const ProxyToxics *toxics)
{
	pthread_mutex_lock(&proxy->mutex);
	proxy->links[link].toxics = *toxics;
	pthread_mutex_unlock(&proxy->mutex);
	wake(proxy);
}

void
proxy_reset(Proxy *proxy, int link)
{
	pthread_mutex_lock(&proxy->mutex);
	proxy->links[link].reset = true;
	pthread_mutex_unlock(&proxy->mutex);
	wake(proxy);
}

int
proxy_connections(Proxy *proxy, int link)
{
	int count;

	pthread_mutex_lock(&proxy->mutex);
	count = proxy->links[link].connections;
	pthread_mutex_unlock(&proxy->mutex);
	return count;
}
