/*
 * feedback.h
 *	  When to tell the server, and what.  Pure.
 *
 * flushed is the durable mark: what was committed to outbox.relay, never what
 * is merely acknowledged by Kafka.  A status update goes out
 *	- at once when the durable mark moved, or when the server asked for a reply,
 *	- else every interval (far below wal_sender_timeout),
 *	- and asks for a reply itself when no frame came for a while although bytes
 *	  may be decoded that are not ours (a busy neighbour sends no keepalives).
 *	  At most one such request is unanswered at a time.
 */
#ifndef OUTBOX_RELAY_FEEDBACK_H
#define OUTBOX_RELAY_FEEDBACK_H

#include "clock.h"
#include "lsn.h"

#include <stdbool.h>

typedef struct FeedbackConfig
{
	int64_t interval_usec;	   /* between status updates without news */
	int64_t ask_interval_usec; /* of silence, before a keepalive is asked for */
} FeedbackConfig;

typedef struct Feedback
{
	FeedbackConfig config;
	MonoUsec last_sent_at;
	MonoUsec last_frame_at;
	PgLsn reported;	  /* flushed, in the last update */
	bool reply_due;	  /* the server asked */
	bool ask_pending; /* we asked, and no frame came since */
} Feedback;

typedef struct StatusUpdate
{
	bool send;
	bool ask; /* set replyRequested */
} StatusUpdate;

/* For a new stream: nothing was reported in it yet. */
extern void feedback_init(Feedback *feedback, const FeedbackConfig *config, MonoUsec now);
extern void feedback_frame(Feedback *feedback, bool reply_requested, MonoUsec now);
extern StatusUpdate feedback_due(const Feedback *feedback, PgLsn durable_mark, MonoUsec now);
extern void feedback_sent(Feedback *feedback, PgLsn durable_mark, bool asked, MonoUsec now);
/* Not later than this; a mark that moves meanwhile is due at once. */
extern MonoUsec feedback_wake_at(const Feedback *feedback);

#endif
