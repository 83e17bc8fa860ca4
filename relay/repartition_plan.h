/*
 * repartition_plan.h
 *	  What outbox-relay repartition is to change.  Pure but for the writing.
 */
#ifndef OUTBOX_RELAY_REPARTITION_PLAN_H
#define OUTBOX_RELAY_REPARTITION_PLAN_H

#include "route.h"
#include "route_record.h"

#include <stdio.h>

#define TOPIC_REQUESTS_MAX 256

/* What the command line says of one topic. */
typedef struct TopicRequest
{
	char topic[TOPIC_NAME_MAX + 1];
	uint32_t partitions; /* 0: as many as Kafka has */
} TopicRequest;

typedef struct TopicRequests
{
	int count; /* 0: all topics that grew */
	TopicRequest items[TOPIC_REQUESTS_MAX];
} TopicRequests;

typedef struct TopicPlan
{
	const char *topic;
	uint32_t recorded;
	uint32_t present; /* in Kafka */
	uint32_t wanted;  /* recorded from then on */
} TopicPlan;

typedef struct RepartitionPlan
{
	const RouteRecord *recorded;
	const RouteRecord *wanted;
	uint32_t generation; /* as it is */
	TopicPlan *topics;
	uint32_t topic_count;
} RepartitionPlan;

/* "topic" or "topic=partitions"; EXIT_CONFIG for what is neither, or comes twice. */
extern MUST_CHECK bool topic_requests_add(TopicRequests *requests, const char *text, Error *error);

/* Names are borrowed from the map; every topic keeps its count at first. */
extern MUST_CHECK bool repartition_plan_make(RepartitionPlan *plan, const TopicMap *topics,
											 Error *error);
extern void repartition_plan_free(RepartitionPlan *plan);

/*
 * Kafka's counts are in: fills what is wanted.  EXIT_ROUTING: a topic that is asked for isn't
 * recorded, or has fewer partitions; or one is gone or shrank.
 */
extern MUST_CHECK bool repartition_plan_decide(RepartitionPlan *plan, const TopicRequests *requests,
											   Error *error);

extern bool repartition_plan_is_empty(const RepartitionPlan *plan);
extern void repartition_plan_print(const RepartitionPlan *plan, FILE *out);

#endif
