/*
 * proxy_pipe.c
 *	  Chunks with a time at which they may go on.
 *
 * A chunk keeps its place: jitter never lets one overtake another.
 */
#include "proxy_pipe.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_SIZE 16384
#define SLOW_CHUNK_SIZE 1024 /* when the bandwidth is small, a chunk must not take long */

struct Chunk
{
	Chunk *next;
	MonoUsec due;
	size_t len;
	size_t sent;
	char data[];
};

Pipe *
pipe_create(int epoll_fd, int client, int server, int link)
{
	Pipe *pipe = calloc(1, sizeof(*pipe));
	int on = 1;

	if (pipe == NULL)
		return NULL;
	pipe->epoll_fd = epoll_fd;
	pipe->link = link;
	pipe->client = (PipeEnd){.pipe = pipe, .fd = client};
	pipe->server = (PipeEnd){.pipe = pipe, .fd = server};
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return pipe;
}

void
pipe_list_add(PipeList *list, Pipe *pipe)
{
	pipe->next = list->first;
	if (list->first != NULL)
		list->first->before = pipe;
	list->first = pipe;
}

static void
drop_chunks(PipeEnd *end)
{
	while (end->first != NULL)
	{
		Chunk *chunk = end->first;

		end->first = chunk->next;
		free(chunk);
	}
	end->last = NULL;
	end->bytes = 0;
}

/*
 * Closing alone doesn't end it: a child that another thread forks has a copy until it calls
 * exec, and for so long epoll goes on to report events of an end that was freed.
 */
static void
forget_end(const Pipe *pipe, const PipeEnd *end)
{
	if (end->fd >= 0)
		epoll_ctl(pipe->epoll_fd, EPOLL_CTL_DEL, end->fd, NULL);
}

void
pipe_list_remove(PipeList *list, Pipe *pipe)
{
	if (pipe->before != NULL)
		pipe->before->next = pipe->next;
	else
		list->first = pipe->next;
	if (pipe->next != NULL)
		pipe->next->before = pipe->before;
	drop_chunks(&pipe->client);
	drop_chunks(&pipe->server);
	forget_end(pipe, &pipe->client);
	forget_end(pipe, &pipe->server);
	if (pipe->client.fd >= 0)
		close(pipe->client.fd);
	if (pipe->server.fd >= 0)
		close(pipe->server.fd);
	free(pipe);
}

void
pipe_reset_descriptor(int fd)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

void
pipe_reset(Pipe *pipe)
{
	forget_end(pipe, &pipe->client);
	forget_end(pipe, &pipe->server);
	pipe_reset_descriptor(pipe->client.fd);
	pipe_reset_descriptor(pipe->server.fd);
	pipe->client.fd = pipe->server.fd = -1;
	pipe->dead = true;
}

void
pipe_note_event(void *token, unsigned events)
{
	PipeEnd *end = token;

	end->ready |= events;
}

/* -------------------------------------------------------------------------
 * one way
 * ------------------------------------------------------------------------- */

static MonoUsec
due_of(PipeEnd *to, size_t len, bool downstream, const ProxyToxics *toxics, Random *random,
	   MonoUsec now)
{
	MonoUsec due = now;

	if (toxics->bytes_per_s > 0)
	{
		if (to->free_at < now)
			to->free_at = now;
		to->free_at += (int64_t) len * USEC_PER_SEC / toxics->bytes_per_s;
		due = to->free_at;
	}
	if (downstream && toxics->latency_usec > 0)
	{
		due += toxics->latency_usec;
		if (toxics->jitter_usec > 0)
			due += (int64_t) random_below(random, 2 * (uint64_t) toxics->jitter_usec + 1) -
				   toxics->jitter_usec;
	}
	if (to->last != NULL && due < to->last->due)
		due = to->last->due;
	return due;
}

/* False when the connection is broken. */
static bool
take_bytes(PipeEnd *from, PipeEnd *to, bool downstream, const ProxyToxics *toxics, Random *random,
		   MonoUsec now)
{
	size_t most = toxics->bytes_per_s > 0 ? SLOW_CHUNK_SIZE : CHUNK_SIZE;

	while (!from->at_end && to->bytes < PIPE_BYTES_MAX)
	{
		Chunk *chunk = malloc(sizeof(*chunk) + most);
		ssize_t len;

		if (chunk == NULL)
			return false;
		len = recv(from->fd, chunk->data, most, 0);
		if (len <= 0)
		{
			free(chunk);
			from->at_end = len == 0;
			return len == 0 || errno == EAGAIN || errno == EINTR;
		}
		chunk->next = NULL;
		chunk->len = (size_t) len;
		chunk->sent = 0;
		chunk->due = due_of(to, (size_t) len, downstream, toxics, random, now);
		if (to->last != NULL)
			to->last->next = chunk;
		else
			to->first = chunk;
		to->last = chunk;
		to->bytes += (size_t) len;
	}
	return true;
}

/* Half of what is first in line, and nothing behind it. */
static void
give_half(PipeEnd *to)
{
	const Chunk *chunk = to->first;

	/* How much of it the socket takes is no matter: it is a part at most. */
	if (send(to->fd, chunk->data + chunk->sent, (chunk->len - chunk->sent) / 2, MSG_NOSIGNAL) >= 0)
		shutdown(to->fd, SHUT_WR);
	to->pipe->dead = true;
}

/* False when the connection is broken; *blocked: the socket takes no more at the moment. */
static bool
give_bytes(PipeEnd *to, const ProxyToxics *toxics, MonoUsec now, bool *blocked)
{
	while (to->first != NULL && to->first->due <= now)
	{
		Chunk *chunk = to->first;
		ssize_t len;

		if (toxics->cut)
		{
			give_half(to);
			return true;
		}
		len = send(to->fd, chunk->data + chunk->sent, chunk->len - chunk->sent, MSG_NOSIGNAL);

		if (len < 0)
		{
			*blocked = errno == EAGAIN;
			return errno == EAGAIN || errno == EINTR;
		}
		chunk->sent += (size_t) len;
		to->bytes -= (size_t) len;
		if (chunk->sent < chunk->len)
			continue;
		to->first = chunk->next;
		if (to->first == NULL)
			to->last = NULL;
		free(chunk);
	}
	return true;
}

static bool
turn_way(PipeEnd *from, PipeEnd *to, bool downstream, const ProxyToxics *toxics, Random *random,
		 MonoUsec now, bool *blocked)
{
	if (!take_bytes(from, to, downstream, toxics, random, now) ||
		!give_bytes(to, toxics, now, blocked))
		return false;
	if (!to->pipe->dead && from->at_end && to->first == NULL && !to->shut)
	{
		shutdown(to->fd, SHUT_WR);
		to->shut = true;
	}
	return true;
}

/* -------------------------------------------------------------------------
 * both ways
 * ------------------------------------------------------------------------- */

static void
watch(PipeEnd *end, unsigned events)
{
	struct epoll_event event = {.events = events, .data.ptr = end};

	/* A descriptor without events is still watched for errors. */
	if (end->watched && end->wanted == events)
		return;
	epoll_ctl(end->pipe->epoll_fd, end->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, end->fd, &event);
	end->watched = true;
	end->wanted = events;
}

/* False while the server has not answered, or when it never will. */
static bool
finish_connecting(Pipe *pipe)
{
	int failure = 0;
	socklen_t len = sizeof(failure);

	if (pipe->connected)
		return true;
	if ((pipe->server.ready & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0)
		return false;
	getsockopt(pipe->server.fd, SOL_SOCKET, SO_ERROR, &failure, &len);
	if (failure != 0)
		pipe_reset(pipe);
	pipe->connected = failure == 0;
	return pipe->connected;
}

static unsigned
events_for(const PipeEnd *end, const PipeEnd *other, bool blocked)
{
	unsigned events = 0;

	if (!end->at_end && other->bytes < PIPE_BYTES_MAX)
		events |= EPOLLIN;
	if (blocked)
		events |= EPOLLOUT;
	return events;
}

MonoUsec
pipe_turn(Pipe *pipe, const ProxyToxics *toxics, Random *random, MonoUsec now)
{
	PipeEnd *client = &pipe->client;
	PipeEnd *server = &pipe->server;
	bool client_blocked = false;
	bool server_blocked = false;
	MonoUsec due = MONO_NEVER;

	if (pipe->dead)
		return due;
	if (!finish_connecting(pipe))
	{
		if (!pipe->dead)
			watch(server, EPOLLOUT);
		return due;
	}
	if (((client->ready | server->ready) & EPOLLERR) != 0)
	{
		pipe_reset(pipe);
		return due;
	}
	client->ready = server->ready = 0;
	if (toxics->blackhole)
	{
		/* Nobody is looked at, so nobody is told. */
		watch(client, 0);
		watch(server, 0);
		return due;
	}
	if (!turn_way(client, server, false, toxics, random, now, &server_blocked) ||
		(!pipe->dead && !turn_way(server, client, true, toxics, random, now, &client_blocked)))
	{
		pipe_reset(pipe);
		return due;
	}
	if (pipe->dead)
		return due;
	if (client->shut && server->shut)
	{
		pipe->dead = true;
		return due;
	}
	watch(client, events_for(client, server, client_blocked));
	watch(server, events_for(server, client, server_blocked));
	if (client->first != NULL && !client_blocked)
		due = client->first->due;
	if (server->first != NULL && !server_blocked && server->first->due < due)
		due = server->first->due;
	return due;
}
