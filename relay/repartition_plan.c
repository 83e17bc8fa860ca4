/*
 * repartition_plan.c
 *	  What outbox-relay repartition is to change.
 *
 * Refuses a topic that isn't recorded, more partitions than Kafka has, and a map of which a
 * topic is gone or shrank: what was sent to it can't be confirmed.
 *
 * Invariants: a topic that nobody asked for keeps its count when others were asked for.
 */
#include "repartition_plan.h"

#include "exit_codes.h"
#include "relay_check.h"

#include <stdlib.h>
#include <string.h>

static TopicRequest *
find_request(TopicRequests *requests, const char *topic)
{
	for (int i = 0; i < requests->count; i++)
	{
		if (strcmp(requests->items[i].topic, topic) == 0)
			return &requests->items[i];
	}
	return NULL;
}

static bool
read_count(const char *text, uint32_t *count)
{
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 9 || text[len] != '\0')
		return false;
	*count = (uint32_t) strtoul(text, NULL, 10);
	return *count > 0;
}

bool
topic_requests_add(TopicRequests *requests, const char *text, Error *error)
{
	const char *equals = strchr(text, '=');
	size_t len = equals != NULL ? (size_t) (equals - text) : strlen(text);
	TopicRequest request = {.partitions = 0};

	if (!topic_name_valid(text, len))
		return error_permanent(error, EXIT_CONFIG, "--topic: \"%.*s\" is no name of a topic",
							   len > TOPIC_NAME_MAX ? TOPIC_NAME_MAX : (int) len, text);
	memcpy(request.topic, text, len);
	request.topic[len] = '\0';
	if (equals != NULL && !read_count(equals + 1, &request.partitions))
		return error_permanent(error, EXIT_CONFIG, "--topic: \"%s\" is no number of partitions",
							   equals + 1);
	if (find_request(requests, request.topic) != NULL)
		return error_permanent(error, EXIT_CONFIG, "--topic: \"%s\" is named twice", request.topic);
	if (requests->count == TOPIC_REQUESTS_MAX)
		return error_permanent(error, EXIT_CONFIG, "--topic: more than %d topics",
							   TOPIC_REQUESTS_MAX);
	requests->items[requests->count++] = request;
	return true;
}

bool
repartition_plan_make(RepartitionPlan *plan, const TopicMap *topics, Error *error)
{
	uint32_t count = topic_map_count(topics);

	plan->topics = calloc(count > 0 ? count : 1, sizeof(*plan->topics));
	if (plan->topics == NULL)
		return error_bug(error, "out of memory");
	plan->topic_count = count;
	for (uint32_t i = 0; i < count; i++)
	{
		TopicPlan *topic = &plan->topics[i];

		topic->topic = topic_map_name(topics, i, &topic->recorded);
		topic->present = topic->wanted = topic->recorded;
	}
	return true;
}

void
repartition_plan_free(RepartitionPlan *plan)
{
	free(plan->topics);
	plan->topics = NULL;
	plan->topic_count = 0;
}

static TopicPlan *
find_topic(const RepartitionPlan *plan, const char *topic)
{
	for (uint32_t i = 0; i < plan->topic_count; i++)
	{
		if (strcmp(plan->topics[i].topic, topic) == 0)
			return &plan->topics[i];
	}
	return NULL;
}

static bool
decide_one(RepartitionPlan *plan, const TopicRequest *request, Error *error)
{
	TopicPlan *topic = find_topic(plan, request->topic);

	if (topic == NULL)
	{
		error_permanent(error, EXIT_ROUTING, "the topic \"%s\" isn't recorded", request->topic);
		return error_hint(error, "Its count is recorded when its first event comes; see "
								 "outbox.topic.");
	}
	topic->wanted = request->partitions > 0 ? request->partitions : topic->present;
	if (topic->wanted <= topic->present)
		return true;
	error_permanent(error, EXIT_ROUTING, "the topic \"%s\" has %u partitions, not %u", topic->topic,
					topic->present, topic->wanted);
	return error_hint(error,
					  "Give it more in Kafka first (kafka-topics.sh --alter --topic %s "
					  "--partitions %u), then run outbox-relay repartition again.",
					  topic->topic, topic->wanted);
}

bool
repartition_plan_decide(RepartitionPlan *plan, const TopicRequests *requests, Error *error)
{
	bool grew;

	for (uint32_t i = 0; i < plan->topic_count; i++)
	{
		TopicPlan *topic = &plan->topics[i];

		if (!relay_check_topic(topic->topic, topic->recorded, topic->present, &grew, error))
			return false;
		topic->wanted = requests->count == 0 ? topic->present : topic->recorded;
	}
	for (int i = 0; i < requests->count; i++)
	{
		if (!decide_one(plan, &requests->items[i], error))
			return false;
	}
	return true;
}

bool
repartition_plan_is_empty(const RepartitionPlan *plan)
{
	for (uint32_t i = 0; i < plan->topic_count; i++)
	{
		if (plan->topics[i].wanted != plan->topics[i].recorded)
			return false;
	}
	return route_records_equal(plan->recorded, plan->wanted);
}

static void
print_topic(const TopicPlan *topic, FILE *out)
{
	if (topic->wanted != topic->recorded)
		fprintf(out, "topic %s: %u -> %u partitions", topic->topic, topic->recorded, topic->wanted);
	else
		fprintf(out, "topic %s: %u partitions, as it is", topic->topic, topic->recorded);
	if (topic->present != topic->wanted)
		fprintf(out, " (Kafka has %u)", topic->present);
	fputc('\n', out);
}

void
repartition_plan_print(const RepartitionPlan *plan, FILE *out)
{
	for (int i = 0; i < ROUTE_RECORD_ITEMS; i++)
	{
		RouteRecordItem item = (RouteRecordItem) i;

		if (route_records_differ(plan->recorded, plan->wanted, item))
			fprintf(out, "setting %s: \"%s\" -> \"%s\"\n", route_record_setting(item),
					plan->recorded->values[item], plan->wanted->values[item]);
	}
	for (uint32_t i = 0; i < plan->topic_count; i++)
		print_topic(&plan->topics[i], out);
	if (repartition_plan_is_empty(plan))
		fprintf(out, "nothing is to be changed: generation %u stays\n", plan->generation);
	else
		fprintf(out, "generation: %u -> %u\n", plan->generation, plan->generation + 1);
}
