/*
 * kafka_member.c
 *	  The client that is a member of the group: made at the start, and made anew when
 *	  Kafka fenced it and it may have been its own rival (membership.h), or when it may
 *	  have lost a topic for good (renewal.h).
 *
 * A client that was fenced sends nothing more for the group, so it can't fence the
 * next one.  It is destroyed where that is possible; else its threads idle until the
 * process ends.
 */
#include "kafka_intern.h"

#include "clock.h"
#include "exit_codes.h"
#include "kafka_inbox.h"
#include "kafka_setup.h"

bool
kafka_can_destroy(void)
{
	return rd_kafka_version() >= 0x02060100;
}

static bool
subscribe(KafkaInbox *inbox, Error *error)
{
	static const uint64_t ring = 1;
	rd_kafka_resp_err_t code;

	kafka_hurry_init(&inbox->hurry, inbox->rk);
	rd_kafka_poll_set_consumer(inbox->rk);
	inbox->queue = rd_kafka_queue_get_consumer(inbox->rk);
	rd_kafka_set_log_queue(inbox->rk, inbox->queue);
	rd_kafka_queue_io_event_enable(inbox->queue, inbox->fd, &ring, sizeof(ring));
	code = rd_kafka_subscribe(inbox->rk, inbox->topics);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	return error_permanent(error, EXIT_CONFIG, "could not subscribe: %s", rd_kafka_err2str(code));
}

bool
kafka_member_open(KafkaInbox *inbox, Error *error)
{
	inbox->rk = kafka_setup_client(rd_kafka_conf_dup(inbox->conf), true, error);
	inbox->placed = false;
	inbox->leaving = false;
	renewal_opened(&inbox->renewal, clock_mono());
	/* Whatever rang for the one before: the queue is looked at. */
	inbox->drained = false;
	return inbox->rk != NULL && subscribe(inbox, error);
}

void
kafka_member_close(KafkaInbox *inbox, bool can_destroy)
{
	if (inbox->queue != NULL)
	{
		rd_kafka_queue_io_event_enable(inbox->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(inbox->queue);
	}
	if (inbox->rk != NULL && can_destroy)
		rd_kafka_destroy_flags(inbox->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	inbox->queue = NULL;
	inbox->rk = NULL;
}

bool
kafka_member_renew(KafkaInbox *inbox, Error *error)
{
	/* What aborts below 2.3 is an assignor that was never told of an assignment; no topic went here. */
	kafka_member_close(inbox, kafka_can_destroy() || (inbox->placed && !inbox->leaving));
	rd_kafka_topic_partition_list_destroy(inbox->begun);
	inbox->begun = rd_kafka_topic_partition_list_new(8);
	return kafka_member_open(inbox, error);
}

bool
kafka_member_leave(KafkaInbox *inbox)
{
	rd_kafka_error_t *failed = rd_kafka_consumer_close_queue(inbox->rk, inbox->queue);

	if (failed == NULL)
		return true;
	rd_kafka_error_destroy(failed);
	return false;
}

/* A revocation that is on its way ends first: behind one the library gives back the rest in silence. */
static bool
is_to_leave(const KafkaInbox *inbox)
{
	return renewal_is_due(&inbox->renewal, clock_mono()) &&
		   rd_kafka_fatal_error(inbox->rk, NULL, 0) == RD_KAFKA_RESP_ERR_NO_ERROR &&
		   !rd_kafka_assignment_lost(inbox->rk);
}

bool
kafka_member_mend(KafkaInbox *inbox, InboxEvent *event)
{
	if (!inbox->leaving && is_to_leave(inbox) && kafka_member_leave(inbox))
	{
		inbox->leaving = true;
		event->type = INBOX_RENEWING;
		error_transient(
			&event->error,
			"a topic is gone or was made again, and librdkafka %s loses such topics: this "
			"client leaves the group, and a new one joins",
			rd_kafka_version_str());
		error_hint(&event->error,
				   "Versions before 2.4, and from 2.10 on, find a topic that was made again.");
		return true;
	}
	if (!inbox->leaving || !rd_kafka_consumer_closed(inbox->rk))
		return false;
	/* A static member is no rival of the one that it was. */
	membership_lost(&inbox->membership);
	if (kafka_member_renew(inbox, &event->error))
		return false;
	event->type = INBOX_FATAL;
	return true;
}
