/*
 * doctor_broker.h
 *	  What doctor has to say about Kafka.  Pure: facts in, findings out.
 *
 * One finding for a check with nothing to say about any topic, else one for each topic
 * that it has something to say about.
 */
#ifndef OUTBOX_RELAY_DOCTOR_BROKER_H
#define OUTBOX_RELAY_DOCTOR_BROKER_H

#include "finding.h"
#include "relay_options.h"
#include "route.h"

#define BROKER_VALUE_UNKNOWN (-1)

/* What is around an event in its record and batch: framing, our own headers, names. */
#define RECORD_OVERHEAD_BYTES 4096

typedef struct TopicFacts
{
	char name[TOPIC_NAME_MAX + 1];
	uint32_t recorded;	 /* partitions in outbox.topic */
	uint32_t partitions; /* in Kafka; 0: no such topic */
	Error error;		 /* looking at it; its class is NONE when the rest is known */
	int replicas;		 /* of the partition that has the fewest */
	int in_sync;
	int64_t min_insync_replicas; /* these four: or BROKER_VALUE_UNKNOWN */
	int64_t max_message_bytes;
	int64_t unclean_election; /* 0, 1 */
	int64_t compacted;		  /* 0, 1: it is all that is done to its records; or unknown */
} TopicFacts;

typedef struct BrokerFacts
{
	int library; /* as librdkafka numbers its versions: 0x020002ff is 2.0.2 */
	const char *library_text;
	bool uses_scram;			/* kafka.sasl.mechanism is one of SCRAM's */
	int64_t producer_max_bytes; /* message.max.bytes of the producer */

	Error reach;
	int brokers;
	Error settings; /* reading those of the broker; NONE: known */
	int64_t default_replicas;
	int64_t min_insync_replicas;
	int64_t unclean_election;
	int64_t max_message_bytes;

	TopicFacts *topics; /* those of the routing map */
	int topic_count;
	bool topics_known; /* the routing map could be read */

	bool exactly_once;	 /* delivery: then */
	TopicFacts position; /* is known like those of the map */

	int64_t max_event_bytes; /* as in ServerFacts */
	bool create_topics;
	int topic_partitions;
	int topic_replicas; /* topics.replication_factor */
} BrokerFacts;

extern void doctor_check_broker(const BrokerFacts *facts, const DoctorSetup *setup, FindingFn tell,
								void *arg);

#endif
