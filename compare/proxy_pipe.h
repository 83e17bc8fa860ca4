/*
 * proxy_pipe.h
 *	  One connection through the proxy: two sockets, and what is on its way between
 *	  them.  For the proxy's thread alone.
 */
#ifndef OUTBOX_COMPARE_PROXY_PIPE_H
#define OUTBOX_COMPARE_PROXY_PIPE_H

#include <stddef.h>

#include "clock.h"
#include "proxy.h"
#include "random.h"

#define PIPE_BYTES_MAX 262144 /* one way; then the sender has to wait */

typedef struct Chunk Chunk;

/* One side: a socket, and what is to be written to it. */
typedef struct PipeEnd
{
	struct Pipe *pipe;
	int fd;
	unsigned ready;	 /* EPOLL… events that came and weren't used up */
	bool watched;	 /* by epoll */
	unsigned wanted; /* the events it is watched for */
	bool at_end;	 /* it sends nothing more */
	bool shut;		 /* it was told that nothing more comes */
	Chunk *first;
	Chunk *last;
	size_t bytes;
	MonoUsec free_at; /* when the line has carried all that is in the queue */
} PipeEnd;

typedef struct Pipe
{
	PipeEnd client;
	PipeEnd server;
	int epoll_fd;
	int link;
	bool connected; /* with the server */
	bool dead;
	struct Pipe *next;
	struct Pipe *before;
} Pipe;

typedef struct PipeList
{
	Pipe *first;
} PipeList;

/* Takes both sockets; NULL: no memory, and they are still the caller's. */
extern Pipe *pipe_create(int epoll_fd, int client, int server, int link);
extern void pipe_list_add(PipeList *list, Pipe *pipe);
extern void pipe_list_remove(PipeList *list, Pipe *pipe); /* frees it */

/* token: what epoll gave back. */
extern void pipe_note_event(void *token, unsigned events);

/* Reads and writes what it may; returns when there is more to do without an event. */
extern MonoUsec pipe_turn(Pipe *pipe, const ProxyToxics *toxics, Random *random, MonoUsec now);

/* Both peers get an RST; the pipe is dead. */
extern void pipe_reset(Pipe *pipe);
extern void pipe_reset_descriptor(int fd);

#endif
