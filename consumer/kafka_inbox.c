/*
 * kafka_inbox.c
 *	  librdkafka's consumer, driven through its event queue.
 *
 * All events come through one queue whose descriptor wakes the loop; the
 * library's threads never run our code.  Polling the queue is also what keeps
 * us in the group (max.poll.interval.ms).
 *
 * An assignment is answered at once with nothing, and partitions are added when
 * the conductor knows their offsets: so a target that is away doesn't hold up
 * the group.  A revocation is answered by finish(), with those partitions that
 * had begun.
 *
 * Records are taken one by one: the batch calls of librdkafka before 2.1 lose
 * some around a pause.  Pausing throws away what was fetched and not yet
 * polled; resuming fetches it again from there.  What is paused is resumed before
 * it is given back: librdkafka keeps a pause beyond the assignment.
 */
#include "kafka_inbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "exit_codes.h"
#include "failpoint.h"
#include "kafka_clock.h"
#include "kafka_conf.h"
#include "kafka_intern.h"
#include "kafka_setup.h"

#define REWIND_TIMEOUT_MS 400 /* librdkafka below 2.1 waits a thousandth of what it is told */
#define PAUSED 1			  /* as "offset" in the list of what begun */

static void
drop_event(KafkaInbox *inbox)
{
	if (inbox->event_place != NULL)
		rd_kafka_topic_partition_destroy(inbox->event_place);
	if (inbox->event != NULL)
		rd_kafka_event_destroy(inbox->event);
	inbox->event_place = NULL;
	inbox->event = NULL;
}

static rd_kafka_topic_partition_list_t *
list_of(const InboxPlace *places, size_t count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int) count);

	for (size_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, places[i].topic, places[i].partition)->offset =
			places[i].offset == INBOX_OFFSET_BEGINNING ? RD_KAFKA_OFFSET_BEGINNING
													   : places[i].offset;
	return list;
}

/* The event's error stays, unless there is a worse one. */
static void
renew(KafkaInbox *inbox, InboxEvent *event)
{
	Error error;

	drop_event(inbox);
	error_clear(&error);
	if (kafka_member_renew(inbox, &error))
		return;
	event->type = INBOX_FATAL;
	event->error = error;
}

static IoResult
kafka_poll(Inbox *base, InboxEvent *event)
{
	KafkaInbox *inbox = (KafkaInbox *) base;
	uint64_t rings;

	/* The descriptor rings when an empty queue fills: silence it, then empty the queue. */
	if (inbox->drained)
	{
		while (read(inbox->fd, &rings, sizeof(rings)) > 0)
			;
		inbox->drained = false;
		if (kafka_clock_look(&inbox->clock, inbox->rk))
			kafka_hurry_ask(inbox->rk, inbox->begun);
	}
	for (;;)
	{
		drop_event(inbox);
		inbox->event = rd_kafka_queue_poll(inbox->queue, 0);
		memset(event, 0, offsetof(InboxEvent, error));
		error_clear(&event->error);
		if (inbox->event == NULL)
		{
			inbox->drained = true;
			if (!inbox->closing)
				return kafka_member_mend(inbox, event) ? IO_OK : IO_AGAIN;
			if (inbox->closed || !(inbox->left || rd_kafka_consumer_closed(inbox->rk)))
				return IO_AGAIN;
			inbox->closed = true;
			event->type = INBOX_CLOSED;
			return IO_OK;
		}
		if (!kafka_take_event(inbox, event))
			continue;
		if (event->type == INBOX_REJOINING)
			renew(inbox, event);
		if (event->type == INBOX_RECORD && FAILPOINT_ERROR("record-fetched", &event->error))
			event->type = INBOX_FATAL;
		if (event->type == INBOX_RECORD)
			kafka_hurry_took(&inbox->hurry, event->record.key.len + event->record.value.len,
							 inbox->rk, inbox->begun);
		return IO_OK;
	}
}

/* -------------------------------------------------------------------------
 * partitions
 * ------------------------------------------------------------------------- */

/* A client that leaves would take an assignment for the answer to the revocation of all. */
static bool
is_staying(const KafkaInbox *inbox, Error *error)
{
	return !inbox->leaving ||
		   error_transient(error,
						   "could not start reading partitions: the client leaves the group");
}

static bool
kafka_begin(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	KafkaInbox *inbox = (KafkaInbox *) base;
	rd_kafka_topic_partition_list_t *list;
	bool ok;

	if (!is_staying(inbox, error))
		return false;
	list = list_of(places, count);
	ok = !FAILPOINT_ERROR("partitions-known", error) &&
		 kafka_succeeded(rd_kafka_incremental_assign(inbox->rk, list), "start reading partitions",
						 error);
	for (size_t i = 0; ok && i < count; i++)
	{
		if (rd_kafka_topic_partition_list_find(inbox->begun, places[i].topic,
											   places[i].partition) == NULL)
			rd_kafka_topic_partition_list_add(inbox->begun, places[i].topic, places[i].partition)
				->offset = 0;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return ok;
}

/* Remembers, in the list of what begun, which partitions are paused. */
static void
note_paused(KafkaInbox *inbox, const InboxPlace *place, bool paused)
{
	rd_kafka_topic_partition_t *found =
		rd_kafka_topic_partition_list_find(inbox->begun, place->topic, place->partition);

	if (found != NULL)
		found->offset = paused ? PAUSED : 0;
}

/* A pause outlives an assignment: the partition would come back and give nothing. */
static void
resume_paused(KafkaInbox *inbox, const InboxPlace *places, size_t count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int) count);

	for (size_t i = 0; i < count; i++)
	{
		const rd_kafka_topic_partition_t *found =
			rd_kafka_topic_partition_list_find(inbox->begun, places[i].topic, places[i].partition);

		if (found != NULL && found->offset == PAUSED)
			rd_kafka_topic_partition_list_add(list, places[i].topic, places[i].partition);
	}
	if (list->cnt > 0)
		(void) rd_kafka_resume_partitions(inbox->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
}

/*
 * It would be committed with the partition's end, on nobody's behalf: what the
 * group gave up has no member any more, and a static one meets itself.
 */
static void
forget_stored(KafkaInbox *inbox, const InboxPlace *places, size_t count)
{
	rd_kafka_topic_partition_list_t *list = list_of(places, count);

	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = RD_KAFKA_OFFSET_INVALID;
	(void) rd_kafka_offsets_store(inbox->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
}

/*
 * One that the library doesn't have makes it refuse all of them, and the group
 * would wait for ever: each by itself, and nothing at the end, which always counts.
 */
static void
unassign_each(KafkaInbox *inbox, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i <= list->cnt; i++)
	{
		rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
		rd_kafka_error_t *failed;

		if (i < list->cnt)
			rd_kafka_topic_partition_list_add(one, list->elems[i].topic, list->elems[i].partition);
		failed = rd_kafka_incremental_unassign(inbox->rk, one);
		if (failed != NULL)
			rd_kafka_error_destroy(failed);
		rd_kafka_topic_partition_list_destroy(one);
	}
}

static bool
kafka_finish(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	KafkaInbox *inbox = (KafkaInbox *) base;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int) count);
	bool ok;

	resume_paused(inbox, places, count);
	if (inbox->lost)
		forget_stored(inbox, places, count);
	inbox->lost = false;
	for (size_t i = 0; i < count; i++)
	{
		if (rd_kafka_topic_partition_list_del(inbox->begun, places[i].topic, places[i].partition))
			rd_kafka_topic_partition_list_add(list, places[i].topic, places[i].partition);
	}
	ok = kafka_succeeded(rd_kafka_incremental_unassign(inbox->rk, list), "give partitions back",
						 error);
	if (!ok)
		unassign_each(inbox, list);
	rd_kafka_topic_partition_list_destroy(list);
	return ok;
}

static bool
pause_or_resume(KafkaInbox *inbox, bool pause, const InboxPlace *places, size_t count, Error *error)
{
	rd_kafka_topic_partition_list_t *list = list_of(places, count);
	rd_kafka_resp_err_t code = pause ? rd_kafka_pause_partitions(inbox->rk, list)
									 : rd_kafka_resume_partitions(inbox->rk, list);

	rd_kafka_topic_partition_list_destroy(list);
	for (size_t i = 0; i < count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		note_paused(inbox, &places[i], pause);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	return error_transient(error, "could not %s partitions: %s", pause ? "pause" : "resume",
						   rd_kafka_err2str(code));
}

static bool
kafka_pause(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	return pause_or_resume((KafkaInbox *) base, true, places, count, error);
}

static bool
kafka_resume(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	return pause_or_resume((KafkaInbox *) base, false, places, count, error);
}

static bool
assign_anew(KafkaInbox *inbox, const rd_kafka_topic_partition_list_t *list, Error *error)
{
	rd_kafka_error_t *failed = rd_kafka_incremental_unassign(inbox->rk, list);

	/* It fails when an attempt before this one came so far: then only the rest is to do. */
	if (failed != NULL)
		rd_kafka_error_destroy(failed);
	return kafka_succeeded(rd_kafka_incremental_assign(inbox->rk, list), "start reading partitions",
						   error);
}

static bool
kafka_begin_anew(Inbox *base, const InboxPlace *place, Error *error)
{
	rd_kafka_topic_partition_list_t *list = list_of(place, 1);
	bool ok = is_staying((const KafkaInbox *) base, error) &&
			  assign_anew((KafkaInbox *) base, list, error);

	rd_kafka_topic_partition_list_destroy(list);
	return ok;
}

static bool
kafka_rewind(Inbox *base, const InboxPlace *place, Error *error)
{
	KafkaInbox *inbox = (KafkaInbox *) base;
	rd_kafka_topic_partition_list_t *list = list_of(place, 1);
	int timeout_ms = rd_kafka_version() < 0x02010000 ? REWIND_TIMEOUT_MS * 1000 : REWIND_TIMEOUT_MS;
	bool ok = is_staying(inbox, error) &&
			  kafka_succeeded(rd_kafka_seek_partitions(inbox->rk, list, timeout_ms),
							  "read from another offset", error);

	/* A fetcher that stopped at an offset out of range can't seek: it is made anew. */
	if (ok && list->elems[0].err == RD_KAFKA_RESP_ERR__STATE)
		ok = assign_anew(inbox, list, error);
	else if (ok && list->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
		ok = error_transient(error, "could not read from another offset: %s",
							 rd_kafka_err2str(list->elems[0].err));
	rd_kafka_topic_partition_list_destroy(list);
	return ok;
}

static void
kafka_store(Inbox *base, const InboxPlace *places, size_t count)
{
	KafkaInbox *inbox = (KafkaInbox *) base;
	rd_kafka_topic_partition_list_t *list = list_of(places, count);

	/* Partitions that went meanwhile are refused, as they should be. */
	if (!FAILPOINT("offset-due"))
		(void) rd_kafka_offsets_store(inbox->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
}

static bool
kafka_watermarks(Inbox *base, InboxPlace *places, size_t count, int timeout_ms, Error *error)
{
	KafkaInbox *inbox = (KafkaInbox *) base;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	/* A "time" of -2 asks for the first offset, -1 for the next. */
	for (int pass = 0; pass < 2 && code == RD_KAFKA_RESP_ERR_NO_ERROR; pass++)
	{
		rd_kafka_topic_partition_list_t *list = list_of(places, count);

		for (size_t i = 0; i < count; i++)
			list->elems[i].offset = pass == 0 ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
		code = rd_kafka_offsets_for_times(inbox->rk, list, timeout_ms / 2);
		for (size_t i = 0; i < count; i++)
		{
			rd_kafka_topic_partition_t *found =
				code != RD_KAFKA_RESP_ERR_NO_ERROR
					? NULL
					: rd_kafka_topic_partition_list_find(list, places[i].topic,
														 places[i].partition);
			bool known =
				found != NULL && found->err == RD_KAFKA_RESP_ERR_NO_ERROR && found->offset >= 0;

			if (pass == 0)
				places[i].low = known ? found->offset : INBOX_OFFSET_UNKNOWN;
			else
				places[i].high = known ? found->offset : INBOX_OFFSET_UNKNOWN;
			places[i].known = known && (pass == 0 || places[i].known);
		}
		rd_kafka_topic_partition_list_destroy(list);
	}
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	return error_transient(error, "could not ask for the ends of partitions: %s",
						   rd_kafka_err2str(code));
}

static int64_t
kafka_cached_end(const Inbox *base, const char *topic, int32_t partition)
{
	const KafkaInbox *inbox = (const KafkaInbox *) base;
	int64_t low;
	int64_t high;

	if (rd_kafka_get_watermark_offsets(inbox->rk, topic, partition, &low, &high) !=
			RD_KAFKA_RESP_ERR_NO_ERROR ||
		high < 0)
		return INBOX_OFFSET_UNKNOWN;
	return high;
}

static int
kafka_fd(const Inbox *base)
{
	return ((const KafkaInbox *) base)->fd;
}

static void
kafka_close(Inbox *base)
{
	KafkaInbox *inbox = (KafkaInbox *) base;

	if (inbox->closing)
		return;
	inbox->closing = true;
	inbox->left = FAILPOINT("group-left") || !(inbox->leaving || kafka_member_leave(inbox));
}

static void
kafka_destroy(Inbox *base)
{
	KafkaInbox *inbox = (KafkaInbox *) base;

	if (inbox == NULL)
		return;
	drop_event(inbox);
	kafka_member_close(inbox, kafka_can_destroy());
	if (inbox->begun != NULL)
		rd_kafka_topic_partition_list_destroy(inbox->begun);
	if (inbox->topics != NULL)
		rd_kafka_topic_partition_list_destroy(inbox->topics);
	rd_kafka_conf_destroy(inbox->conf);
	if (inbox->fd >= 0)
		close(inbox->fd);
	free(inbox->places);
	free(inbox->headers);
	free(inbox);
}

static const InboxClass kafka_class = {
	.poll = kafka_poll,
	.begin = kafka_begin,
	.finish = kafka_finish,
	.pause = kafka_pause,
	.resume = kafka_resume,
	.rewind = kafka_rewind,
	.begin_anew = kafka_begin_anew,
	.store = kafka_store,
	.watermarks = kafka_watermarks,
	.cached_end = kafka_cached_end,
	.fd = kafka_fd,
	.close = kafka_close,
	.destroy = kafka_destroy,
};

/* -------------------------------------------------------------------------
 * birth
 * ------------------------------------------------------------------------- */

/* As it is set, or by default. */
static MonoUsec
session_usec(const rd_kafka_conf_t *conf)
{
	char text[32];
	size_t size = sizeof(text);

	if (rd_kafka_conf_get(conf, "session.timeout.ms", text, &size) != RD_KAFKA_CONF_OK)
		return 0;
	return strtoll(text, NULL, 10) * USEC_PER_MS;
}

Inbox *
kafka_inbox_create(const Options *options, const char *group, const KafkaSubscription *subscription,
				   Error *error)
{
	rd_kafka_conf_t *conf = kafka_conf_create(options, group, error);
	bool loses_topics = renewal_is_for(rd_kafka_version());
	bool debugs = true;
	KafkaInbox *inbox;

	if (conf == NULL)
		return NULL;
	if ((subscription->hidden != NULL && !kafka_conf_hide(conf, subscription->hidden, error)) ||
		(loses_topics && !kafka_conf_tell_metadata(conf, &debugs, error)))
	{
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	inbox = calloc(1, sizeof(*inbox));
	if (inbox != NULL)
		inbox->places = calloc(1, sizeof(*inbox->places));
	if (inbox == NULL || inbox->places == NULL)
	{
		free(inbox);
		rd_kafka_conf_destroy(conf);
		error_bug(error, "out of memory");
		return NULL;
	}
	inbox->base.methods = &kafka_class;
	inbox->base.session_usec = session_usec(conf);
	inbox->conf = conf;
	inbox->place_room = 1;
	inbox->loses_topics = loses_topics;
	inbox->debugs = debugs;
	inbox->begun = rd_kafka_topic_partition_list_new(8);
	inbox->topics = rd_kafka_topic_partition_list_new(subscription->count);
	for (int i = 0; i < subscription->count; i++)
		rd_kafka_topic_partition_list_add(inbox->topics, subscription->topics[i],
										  RD_KAFKA_PARTITION_UA);
	inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (inbox->fd < 0)
		error_bug(error, "could not create an event descriptor");
	else if (kafka_member_open(inbox, error))
		return &inbox->base;
	kafka_destroy(&inbox->base);
	return NULL;
}
