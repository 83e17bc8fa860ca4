/*
 * kafka_member.c
 *	  The client that is a member of the group: made at the start, and made anew when
 *	  Kafka fenced it and it may have been its own rival (membership.h).
 *
 * A client that was fenced sends nothing more for the group, so it can't fence the
 * next one.  It is destroyed where that is possible; else its threads idle until the
 * process ends.
 */
#include "kafka_intern.h"

#include "exit_codes.h"
#include "kafka_inbox.h"
#include "kafka_setup.h"

bool
kafka_can_destroy(void)
{
	return rd_kafka_version() >= 0x02030000;
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
	/* What aborts below 2.3 is an assignor that was never told of an assignment. */
	kafka_member_close(inbox, kafka_can_destroy() || inbox->placed);
	rd_kafka_topic_partition_list_destroy(inbox->begun);
	inbox->begun = rd_kafka_topic_partition_list_new(8);
	return kafka_member_open(inbox, error);
}
