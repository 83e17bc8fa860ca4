/*
 * kafka_first.c
 *	  Requests as messages.
 */
#include "kafka_first.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "versions.h"

struct KafkaFirst
{
	KafkaFirstConfig config;
	KafkaProducer *producer;
	pthread_mutex_t lock;
	Versions versions; /* under the lock */
	_Atomic int open;  /* not acknowledged */
};

static void
on_delivered(JobResult result, void *arg)
{
	KafkaJob *job = arg;

	job->first->open--;
	job->result = result;
	job->done(job);
}

KafkaFirst *
kafka_first_start(const KafkaFirstConfig *config, Error *error)
{
	KafkaProducerConfig producer = {.brokers = config->brokers,
									.topic = config->topic,
									.timeout_usec = config->timeout_usec,
									.delivered = on_delivered};
	KafkaFirst *first = calloc(1, sizeof(*first));

	if (first == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	first->config = *config;
	pthread_mutex_init(&first->lock, NULL);
	first->producer = kafka_producer_start(&producer, error);
	if (first->producer != NULL)
		return first;
	kafka_first_stop(first);
	return NULL;
}

static JobResult
queue(KafkaFirst *first, KafkaJob *job)
{
	job->version = versions_next(&first->versions, job->report.driver_id, clock_wall());
	if (job->version == 0)
		return JOB_BUSY;
	/* Once it is queued the job is the producer's. */
	return kafka_producer_send(first->producer, &job->report, job->version, job) ? JOB_STORED
																				 : JOB_BUSY;
}

bool
kafka_first_submit(KafkaFirst *first, KafkaJob *job)
{
	JobResult result = JOB_BUSY;

	job->first = first;
	if (first->open++ < first->config.limit)
	{
		pthread_mutex_lock(&first->lock);
		result = queue(first, job);
		pthread_mutex_unlock(&first->lock);
	}
	if (result == JOB_STORED)
		return true;
	first->open--;
	job->result = result;
	return false;
}

bool
kafka_first_connected(const KafkaFirst *first)
{
	return kafka_producer_connected(first->producer);
}

int64_t
kafka_first_queued(const KafkaFirst *first)
{
	return kafka_producer_queued(first->producer);
}

void
kafka_first_stop(KafkaFirst *first)
{
	if (first == NULL)
		return;
	kafka_producer_stop(first->producer, first->config.timeout_usec);
	pthread_mutex_destroy(&first->lock);
	versions_free(&first->versions);
	free(first);
}
