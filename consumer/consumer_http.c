/*
 * consumer_http.c
 *	  /healthz, /readyz, /status, /metrics and /breaker; orders to the breaker.
 *
 * healthz says that the loop turns, whoever is away; readyz that events can flow:
 * in the group, every partition begun, the target there, the breaker closed.  Orders are
 * POST alone, and http.c takes those from this machine alone.
 */
#include "consumer_intern.h"
#include "consumer_metrics.h"

#include <stdio.h>
#include <string.h>

const char *
consumer_why_not_ready(const Consumer *consumer)
{
	TargetState state = consumer_target_state(consumer);

	if (consumer->phase != CONSUMER_RUNNING)
		return "stopping";
	if (consumer->breaker.mode == BREAKER_FORCED_OPEN)
		return "the circuit breaker is forced open";
	if (consumer->breaker.state != BREAKER_CLOSED)
		return "the circuit breaker isn't closed";
	if (state != TARGET_IDLE && state != TARGET_BUSY)
		return "not connected to the target";
	if (!consumer->joined)
		return "not in the group yet";
	if (partitions_count(&consumer->partitions, PARTITION_ASSIGNED) +
			partitions_count(&consumer->partitions, PARTITION_KNOWN) >
		0)
		return "partitions haven't begun";
	return NULL;
}

static const char *
target_state_name(TargetState state)
{
	static const char *const names[] = {"closed", "connecting", "idle", "busy"};

	return names[state];
}

static const char *
partition_state_name(PartitionState state)
{
	static const char *const names[] = {"free", "assigned", "known", "active"};

	return names[state];
}

static void
append_text(Buffer *out, const char *name, const char *value)
{
	buffer_printf(out, "\"%s\":", name);
	buffer_append_json_string(out, view_of(value));
}

/* Null where it isn't known. */
static void
append_number(Buffer *out, const char *name, int64_t value)
{
	if (value < 0)
		buffer_printf(out, ",\"%s\":null", name);
	else
		buffer_printf(out, ",\"%s\":%lld", name, (long long) value);
}

static void
write_partitions(const Consumer *consumer, Buffer *out)
{
	bool first = true;

	buffer_append_str(out, ",\"partitions\":[");
	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		const Partition *partition = &consumer->partitions.items[slot];

		if (partition->state == PARTITION_FREE)
			continue;
		buffer_append_str(out, first ? "{" : ",{");
		first = false;
		append_text(out, "topic", partition->topic);
		buffer_printf(out, ",\"partition\":%d,", partition->partition);
		append_text(out, "state", partition_state_name(partition->state));
		buffer_printf(out, ",\"paused\":%s", partition->paused ? "true" : "false");
		append_number(out, "next_offset", partition->next_offset);
		append_number(out, "end", partition->end);
		append_number(out, "lag", partition_lag(partition));
		buffer_append_str(out, "}");
	}
	buffer_append_str(out, "]");
}

static void
write_status(const Consumer *consumer, Buffer *out)
{
	const char *why = consumer_why_not_ready(consumer);
	double seconds = consumer_lag_seconds(consumer);

	buffer_append_str(out, "{");
	append_text(out, "group", consumer->config->group);
	buffer_printf(out, ",\"ready\":%s,\"reason\":", why == NULL ? "true" : "false");
	buffer_append_json_string(out, view_of(why));
	buffer_append_str(out, ",");
	append_text(out, "breaker", breaker_state_name(consumer->breaker.state));
	buffer_append_str(out, ",");
	append_text(out, "breaker_mode", breaker_mode_name(consumer->breaker.mode));
	buffer_append_str(out, ",");
	append_text(out, "target", target_state_name(consumer_target_state(consumer)));
	buffer_append_str(out, ",\"target_server\":");
	buffer_append_json_string(out, view_of(consumer_server(consumer)));
	buffer_printf(out,
				  ",\"connections\":%d,\"waiting\":%zu,\"received\":%llu,\"applied\":%llu,"
				  "\"duplicates\":%llu,\"dead_lettered\":%llu,\"dead_letter_waiting\":%s,"
				  "\"batches\":%llu,\"lag_seconds\":",
				  consumer_connections(consumer), consumer_waiting(consumer),
				  (unsigned long long) consumer->stats.received,
				  (unsigned long long) consumer->stats.applied,
				  (unsigned long long) consumer->stats.duplicates,
				  (unsigned long long) consumer_dead_letters(consumer),
				  consumer_any_letter_waits(consumer) ? "true" : "false",
				  (unsigned long long) consumer->stats.batches);
	if (seconds >= 0)
		buffer_printf(out, "%.3f", seconds);
	else
		buffer_append_str(out, "null");
	write_partitions(consumer, out);
	buffer_append_str(out, "}\n");
}

/* POST /breaker/<order> */
static bool
order(Consumer *consumer, const char *method, const char *name, HttpResponse *response)
{
	Buffer *body = &response->body;
	BreakerOrder order;
	char by[32];

	if (!consumer_breaker_order(name, &order))
	{
		response->status = 404;
		buffer_printf(body, "no such order; there are open, close, half-open, disable and reset\n");
		return true;
	}
	if (strcmp(method, "POST") != 0)
	{
		response->status = 405;
		response->allow = "POST";
		return true;
	}
	snprintf(by, sizeof(by), "POST /breaker/%s", name);
	if (!consumer_order_breaker(consumer, order, by, consumer->now))
	{
		response->status = 409;
		buffer_printf(body, "the circuit breaker is %s: there is nothing to try\n",
					  breaker_state_name(consumer->breaker.state));
		return true;
	}
	response->content_type = "application/json";
	consumer_write_breaker(consumer, body);
	buffer_append_str(body, "\n");
	return true;
}

bool
consumer_http(const char *method, const char *path, HttpResponse *response, void *arg)
{
	static const char orders[] = "/breaker/";
	Consumer *consumer = arg;
	Buffer *body = &response->body;
	bool known = true;

	if (strncmp(path, orders, sizeof(orders) - 1) == 0)
		return order(consumer, method, path + sizeof(orders) - 1, response);
	if (strcmp(path, "/healthz") == 0)
		buffer_append_str(body, "ok\n");
	else if (strcmp(path, "/readyz") == 0)
	{
		const char *why = consumer_why_not_ready(consumer);

		response->status = why == NULL ? 200 : 503;
		buffer_printf(body, "%s\n", why == NULL ? "ready" : why);
	}
	else if (strcmp(path, "/status") == 0)
	{
		response->content_type = "application/json";
		write_status(consumer, body);
	}
	else if (strcmp(path, "/metrics") == 0)
	{
		response->content_type = "text/plain; version=0.0.4; charset=utf-8";
		consumer_metrics_write(consumer, consumer_why_not_ready(consumer) == NULL, body);
	}
	else if (strcmp(path, "/breaker") == 0)
	{
		response->content_type = "application/json";
		consumer_write_breaker(consumer, body);
		buffer_append_str(body, "\n");
	}
	else
		known = false;
	if (known && strcmp(method, "GET") != 0)
	{
		buffer_reset(body);
		response->status = 405;
		response->allow = "GET, HEAD";
	}
	return known;
}
