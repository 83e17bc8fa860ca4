/*
 * notify.c
 *	  The protocol of sd_notify(3): one datagram a message.
 *
 * Refuses an address that is neither a path nor an abstract name, and one that is too long.
 *
 * Invariants: READY=1 is never said before it holds; when a message didn't go out, all that
 * holds is said again with a later turn.
 */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
take_address(Notifier *notifier, const char *path, Error *error)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(notifier->address.sun_path))
		return error_transient(error, "NOTIFY_SOCKET can't be used: \"%s\"", path);
	notifier->address.sun_family = AF_UNIX;
	memcpy(notifier->address.sun_path, path, len);
	/* An abstract name begins with a zero and has none at its end. */
	if (path[0] == '@')
		notifier->address.sun_path[0] = '\0';
	notifier->address_len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

/* The environment may be meant for another process that gave it to us. */
static int64_t
watchdog_usec(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	long long number;

	if (usec == NULL || (pid != NULL && strtoll(pid, NULL, 10) != (long long) getpid()))
		return 0;
	number = strtoll(usec, NULL, 10);
	return number > 1 ? number / 2 : 0;
}

bool
notify_init(Notifier *notifier, Error *error)
{
	const char *path = getenv("NOTIFY_SOCKET");

	*notifier = (Notifier){.fd = -1};
	if (path == NULL || *path == '\0')
		return true;
	if (!take_address(notifier, path, error))
		return false;
	notifier->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (notifier->fd < 0)
		return error_transient(error, "could not make a socket for NOTIFY_SOCKET: %s",
							   strerror(errno));
	notifier->watchdog_usec = watchdog_usec();
	return true;
}

void
notify_close(Notifier *notifier)
{
	if (notifier->fd >= 0)
		close(notifier->fd);
	notifier->fd = -1;
}

/* false: there is no room for it now. */
static bool
send_message(const Notifier *notifier, const char *message)
{
	ssize_t sent;

	do
		sent = sendto(notifier->fd, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT,
					  (const struct sockaddr *) &notifier->address, notifier->address_len);
	while (sent < 0 && errno == EINTR);
	/* A manager that is gone is no reason to do anything else. */
	return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

static void
say(Notifier *notifier, const char *message)
{
	if (notifier->fd >= 0 && !send_message(notifier, message))
		notifier->behind = true;
}

/* What the manager had no room for: everything that holds by now. */
static void
catch_up(Notifier *notifier)
{
	char message[NOTIFY_MESSAGE_SIZE];

	if (!notifier->behind)
		return;
	snprintf(message, sizeof(message), "%sSTATUS=%s%s", notifier->ready ? "READY=1\n" : "",
			 notifier->status, notifier->stopping ? "\nSTOPPING=1" : "");
	notifier->behind = !send_message(notifier, message);
}

/* One line of it. */
static bool
take_status(Notifier *notifier, const char *status)
{
	char line[NOTIFY_STATUS_SIZE];

	snprintf(line, sizeof(line), "%.*s", (int) strcspn(status, "\n"), status);
	if (strcmp(line, notifier->status) == 0)
		return false;
	memcpy(notifier->status, line, sizeof(line));
	return true;
}

void
notify_turn(Notifier *notifier, bool ready, const char *status, MonoUsec now)
{
	char message[NOTIFY_MESSAGE_SIZE];
	bool news;

	if (notifier->fd < 0)
		return;
	catch_up(notifier);
	news = take_status(notifier, status);
	if (ready && !notifier->ready && !notifier->stopping)
	{
		notifier->ready = true;
		snprintf(message, sizeof(message), "READY=1\nSTATUS=%s", notifier->status);
		say(notifier, message);
	}
	else if (news)
	{
		snprintf(message, sizeof(message), "STATUS=%s", notifier->status);
		say(notifier, message);
	}
	if (notifier->watchdog_usec > 0 && now >= notifier->beat_at)
	{
		notifier->beat_at = now + notifier->watchdog_usec;
		(void) send_message(notifier, "WATCHDOG=1");
	}
}

MonoUsec
notify_wake_at(const Notifier *notifier)
{
	return notifier->fd >= 0 && notifier->watchdog_usec > 0 ? notifier->beat_at : MONO_NEVER;
}

void
notify_reloading(Notifier *notifier, MonoUsec now)
{
	char message[NOTIFY_MESSAGE_SIZE];

	if (!notifier->ready || notifier->stopping)
		return;
	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long) now);
	say(notifier, message);
}

void
notify_reloaded(Notifier *notifier)
{
	if (notifier->ready && !notifier->stopping)
		say(notifier, "READY=1");
}

void
notify_stopping(Notifier *notifier)
{
	if (notifier->stopping)
		return;
	notifier->stopping = true;
	say(notifier, "STOPPING=1");
}
