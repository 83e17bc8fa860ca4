/*
 * kafka_clock.c
 *	  Orders that change nothing, for threads that have overslept.
 */
#include "kafka_clock.h"

#include <librdkafka/rdkafka.h>

/* No topics are deleted.  The main thread has to see that; nobody is there to hear of it. */
static void
wake_main_thread(rd_kafka_t *client)
{
	rd_kafka_queue_t *nobody = rd_kafka_queue_new(client);

	rd_kafka_DeleteTopics(client, NULL, 0, NULL, nobody);
	rd_kafka_queue_destroy(nobody);
}

bool
kafka_clock_look(ClockWatch *watch, rd_kafka_t *client)
{
	if (!clock_watch_set_back(watch, clock_mono(), clock_wall()))
		return false;
	wake_main_thread(client);
	/* Neither what is queued nor what is in flight; a consumer has nothing of the kind. */
	(void) rd_kafka_purge(client, RD_KAFKA_PURGE_F_NON_BLOCKING);
	return true;
}
