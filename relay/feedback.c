/*
 * feedback.c
 *	  When a standby status update is due, and whether it asks for a reply.
 *
 * Refuses nothing: it only compares times that it is given.
 *
 * Invariants: an update that asks is an update that is sent; what is reported is
 * the durable mark that the caller passes, never anything else; a keepalive is
 * asked for when nothing came for ask_interval_usec, and not again before a frame
 * came: an owner that doesn't read (its window is full) piles up no answers.
 */
#include "feedback.h"

/* at + interval, without running over MONO_NEVER. */
static MonoUsec
after(MonoUsec at, int64_t interval_usec)
{
	return at > MONO_NEVER - interval_usec ? MONO_NEVER : at + interval_usec;
}

static MonoUsec
ask_at(const Feedback *feedback)
{
	if (feedback->ask_pending)
		return MONO_NEVER;
	return after(feedback->last_frame_at, feedback->config.ask_interval_usec);
}

void
feedback_init(Feedback *feedback, const FeedbackConfig *config, MonoUsec now)
{
	feedback->config = *config;
	feedback->last_sent_at = now;
	feedback->last_frame_at = now;
	feedback->ask_pending = false;
	feedback->reported = LSN_INVALID;
	feedback->reply_due = false;
}

void
feedback_frame(Feedback *feedback, bool reply_requested, MonoUsec now)
{
	feedback->last_frame_at = now;
	feedback->ask_pending = false;
	if (reply_requested)
		feedback->reply_due = true;
}

StatusUpdate
feedback_due(const Feedback *feedback, PgLsn durable_mark, MonoUsec now)
{
	StatusUpdate update;

	update.ask = now >= ask_at(feedback);
	update.send = update.ask || feedback->reply_due || durable_mark > feedback->reported ||
				  now >= after(feedback->last_sent_at, feedback->config.interval_usec);
	return update;
}

void
feedback_sent(Feedback *feedback, PgLsn durable_mark, bool asked, MonoUsec now)
{
	feedback->last_sent_at = now;
	if (asked)
		feedback->ask_pending = true;
	feedback->reported = durable_mark;
	feedback->reply_due = false;
}

MonoUsec
feedback_wake_at(const Feedback *feedback)
{
	MonoUsec send_at = after(feedback->last_sent_at, feedback->config.interval_usec);
	MonoUsec ask = ask_at(feedback);

	if (feedback->reply_due)
		return feedback->last_frame_at;
	return send_at < ask ? send_at : ask;
}
