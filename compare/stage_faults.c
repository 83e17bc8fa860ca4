/*
 * stage_faults.c
 *	  How each part is broken and mended, and how it is seen that it serves again.
 */
#include <signal.h>

#include "exit_codes.h"
#include "proc_tree.h"
#include "space.h"
#include "stage_private.h"

#define TOOL_TIMEOUT_USEC (30 * USEC_PER_SEC)

/* None of what it waits for ends with an interrupt: that comes while it is mended, too. */
static bool
crash_cluster(Cluster *cluster, Error *error)
{
	if (!cluster_crash(cluster, error))
		return false;
	if (!child_wait(&cluster->tool, TOOL_TIMEOUT_USEC) ||
		!child_wait(&cluster->server, TOOL_TIMEOUT_USEC))
		return error_permanent(error, EXIT_SERVER, "the %s server did not stop",
							   cluster->config.name);
	return cluster->tool.status == 0 || child_error(&cluster->tool, error);
}

bool
stage_crash(Stage *stage, Part part, Error *error)
{
	stage->down[part] = true;
	switch (part)
	{
		case PART_TARGET:
			return crash_cluster(&stage->target, error);
		case PART_SOURCE:
			return crash_cluster(&stage->source, error);
		case PART_BROKER:
			return daemons_kill_broker(&stage->daemons, error);
		case PART_APP:
			return app_crash(&stage->app, error);
		case PART_RELAY:
		case PART_CONSUMER:
			child_kill(stage_child(stage, part));
			return true;
		case PART_COUNT:
			break;
	}
	return error_bug(error, "there is no such part");
}

bool
stage_restart(Stage *stage, Part part, Error *error)
{
	switch (part)
	{
		case PART_TARGET:
			return cluster_start(&stage->target, error);
		case PART_SOURCE:
			return cluster_start(&stage->source, error);
		case PART_BROKER:
			return daemons_restart_broker(&stage->daemons, error);
		case PART_APP:
			return app_restart(&stage->app, error);
		case PART_RELAY:
			return daemons_run_relay(&stage->daemons, error);
		case PART_CONSUMER:
			return daemons_run_consumer(&stage->daemons, error);
		case PART_COUNT:
			break;
	}
	return error_bug(error, "there is no such part");
}

static bool
is_serving(Stage *stage, Part part)
{
	AppPath paths[MODE_COUNT];

	switch (part)
	{
		case PART_TARGET:
			return cluster_ready(&stage->target);
		case PART_SOURCE:
			return cluster_ready(&stage->source);
		case PART_BROKER:
			/* scripts/kafka ends when the broker answers. */
			return !child_running(&stage->daemons.tool) && stage->daemons.tool.status == 0;
		case PART_APP:
			return app_state(&stage->app, paths);
		case PART_RELAY:
			return daemons_relay_serves(&stage->daemons);
		case PART_CONSUMER:
			return daemons_consumer_serves(&stage->daemons);
		case PART_COUNT:
			break;
	}
	return false;
}

bool
stage_serves(Stage *stage, Part part, bool *serves, Error *error)
{
	Child *child = part == PART_BROKER ? &stage->daemons.tool : stage_child(stage, part);

	*serves = is_serving(stage, part);
	if (*serves)
		stage->down[part] = false;
	return *serves || child_running(child) || child_error(child, error);
}

void
stage_pause(Stage *stage, Part part)
{
	proc_tree_signal(stage_pid(stage, part), SIGSTOP);
}

void
stage_resume(Stage *stage, Part part)
{
	proc_tree_signal(stage_pid(stage, part), SIGCONT);
}

void
stage_set_link(Stage *stage, Link link, const ProxyToxics *toxics)
{
	proxy_set(stage->proxy, (int) link, toxics);
}

void
stage_reset_link(Stage *stage, Link link)
{
	proxy_reset(stage->proxy, (int) link);
}

bool
stage_fill_disk(Stage *stage, Error *error)
{
	return space_fill(stage->space, error);
}

bool
stage_empty_disk(Stage *stage, Error *error)
{
	return space_empty(stage->space, error);
}

bool
stage_take_connections(Stage *stage, Error *error)
{
	/* Those who knock again and again would take the processor, and a place that has become free. */
	static const ProxyToxics refuse = {.refuse = true};

	for (int link = 0; link < LINK_COUNT; link++)
	{
		if (link_end((Link) link) == PART_TARGET)
			stage_set_link(stage, (Link) link, &refuse);
	}
	stage->hog = hog_start(stage->target.conninfo, error);
	return stage->hog != NULL;
}

void
stage_give_connections(Stage *stage)
{
	hog_stop(stage->hog);
	stage->hog = NULL;
}

bool
stage_check(Stage *stage, Error *error)
{
	for (int i = 0; i < PART_COUNT; i++)
	{
		Child *child = stage_child(stage, (Part) i);

		if (child == NULL || stage->down[i] || !stage_has(stage, (Part) i))
			continue;
		if (!child_running(child))
			return child_error(child, error);
	}
	return true;
}
