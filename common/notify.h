/*
 * notify.h
 *	  What a service tells its manager: the protocol of sd_notify(3), without libsystemd.
 *
 * A datagram of "NAME=value" lines to the socket that NOTIFY_SOCKET names (a path, or "@" and
 * a name in the abstract namespace).  Without the variable nothing is ever sent.
 *
 *	READY=1						once, when "ready" first holds
 *	STATUS=...					whenever the text changed
 *	RELOADING=1, READY=1		around a reload, when READY had been said
 *	STOPPING=1					once
 *	WATCHDOG=1					at half of WATCHDOG_USEC, by whoever calls notify_turn(): a loop
 *								that doesn't turn doesn't call
 *
 * Nothing here blocks: what the manager has no room for goes out with a later turn.
 */
#ifndef OUTBOX_COMMON_NOTIFY_H
#define OUTBOX_COMMON_NOTIFY_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clock.h"
#include "error.h"

#define NOTIFY_STATUS_SIZE 256
#define NOTIFY_MESSAGE_SIZE (NOTIFY_STATUS_SIZE + 64)

typedef struct Notifier
{
	int fd; /* -1: nobody listens */
	struct sockaddr_un address;
	socklen_t address_len;
	int64_t watchdog_usec; /* between two signs of life; 0: none is wanted */
	MonoUsec beat_at;
	bool ready;
	bool stopping;
	char status[NOTIFY_STATUS_SIZE];
	bool behind; /* a message didn't go out */
} Notifier;

/*
 * From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.  false: what they say can't be used
 * (the Error says why); the notifier is as if they weren't set.
 */
extern MUST_CHECK bool notify_init(Notifier *notifier, Error *error);
extern void notify_close(Notifier *notifier);

/* Once a turn of the loop.  status is one line, and isn't sent again while it is the same. */
extern void notify_turn(Notifier *notifier, bool ready, const char *status, MonoUsec now);
extern MonoUsec notify_wake_at(const Notifier *notifier);

extern void notify_reloading(Notifier *notifier, MonoUsec now);
extern void notify_reloaded(Notifier *notifier);
extern void notify_stopping(Notifier *notifier);

#endif
