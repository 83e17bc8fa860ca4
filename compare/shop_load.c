/*
 * shop_load.c
 *	  A thread that offers, and threads that call.
 */
#include "shop_load.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"

typedef struct ShopLine ShopLine;

typedef struct ShopWorker
{
	ShopLine *line;
	ShopCaller *caller;
	pthread_t thread;
	bool running;
} ShopWorker;

/* A path: its queue and its threads. */
struct ShopLine
{
	ShopLoad *load;
	ShopPath path;
	ShopWorker *workers;
	ShopRecord *records;
	uint32_t *queue; /* numbers, in order; has room for all */
	uint32_t first;
	uint32_t last;
	uint32_t busy;
	pthread_cond_t wake;
	ShopCounters counters;
};

struct ShopLoad
{
	ShopLoadConfig config;
	MonoUsec start_at;
	uint32_t planned;
	uint32_t next; /* the first number that was not offered */
	ShopLine lines[SHOP_PATH_COUNT];
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool stopping; /* nothing is offered any more */
	bool offering;
	pthread_t thread;
};

static MonoUsec
intended_at(const ShopLoad *load, uint32_t number)
{
	return load->start_at + schedule_at(load->config.schedule, number);
}

/* -------------------------------------------------------------------------
 * a request
 * ------------------------------------------------------------------------- */

static void
record(ShopLine *line, uint32_t number, Outcome outcome, RejectReason reason)
{
	int64_t latency = clock_mono() - intended_at(line->load, number);

	if (latency > line->load->config.timeout_usec)
	{
		outcome = OUTCOME_UNKNOWN;
		latency = line->load->config.timeout_usec;
	}
	line->records[number] = (ShopRecord){outcome, latency};
	if (outcome == OUTCOME_ACCEPTED)
		line->counters.accepted++;
	else if (outcome == OUTCOME_REJECTED)
	{
		line->counters.rejected++;
		line->counters.reasons[reason]++;
	}
	else
		line->counters.unknown++;
}

static void
serve(ShopWorker *worker, uint32_t number)
{
	ShopLine *line = worker->line;
	const ShopLoadConfig *config = &line->load->config;
	Outcome outcome = OUTCOME_REJECTED;
	RejectReason reason = REJECT_BUSY;
	ShopOrder order;

	if (clock_mono() - intended_at(line->load, number) <= config->wait_usec)
	{
		shop_order_make(&order, config->seed, config->run, line->path, number);
		outcome = shop_caller_call(worker->caller, &order);
		reason = REJECT_AWAY;
	}
	record(line, number, outcome, reason);
}

static void *
run_worker(void *arg)
{
	ShopWorker *worker = arg;
	ShopLine *line = worker->line;
	ShopLoad *load = line->load;

	pthread_mutex_lock(&load->lock);
	for (;;)
	{
		uint32_t number;

		while (line->first == line->last && !load->stopping)
			pthread_cond_wait(&line->wake, &load->lock);
		if (line->first == line->last)
			break;
		number = line->queue[line->first++];
		line->busy++;
		pthread_mutex_unlock(&load->lock);
		serve(worker, number);
		pthread_mutex_lock(&load->lock);
		line->busy--;
	}
	pthread_mutex_unlock(&load->lock);
	return NULL;
}

/* The lock is held. */
static void
offer(ShopLine *line, uint32_t number)
{
	line->counters.offered++;
	if (line->last - line->first >= (uint32_t) line->load->config.queue_length)
	{
		record(line, number, OUTCOME_REJECTED, REJECT_BUSY);
		return;
	}
	line->queue[line->last++] = number;
	pthread_cond_signal(&line->wake);
}

/* Who comes first alternates. */
static void *
run_offers(void *arg)
{
	ShopLoad *load = arg;

	pthread_mutex_lock(&load->lock);
	while (!load->stopping && load->next < load->planned)
	{
		MonoUsec at = intended_at(load, load->next);
		struct timespec deadline = {.tv_sec = (time_t) (at / USEC_PER_SEC),
									.tv_nsec = (long) (at % USEC_PER_SEC) * 1000};

		if (clock_mono() < at)
		{
			pthread_cond_timedwait(&load->stop, &load->lock, &deadline);
			continue;
		}
		for (uint32_t i = 0; i < SHOP_PATH_COUNT; i++)
			offer(&load->lines[(i + load->next) % SHOP_PATH_COUNT], load->next);
		load->next++;
	}
	pthread_mutex_unlock(&load->lock);
	return NULL;
}

/* -------------------------------------------------------------------------
 * the load
 * ------------------------------------------------------------------------- */

static bool
make_line(ShopLoad *load, ShopPath path, Error *error)
{
	ShopLine *line = &load->lines[path];

	line->workers = calloc((size_t) load->config.threads, sizeof(*line->workers));
	line->records = calloc((size_t) load->planned + 1, sizeof(*line->records));
	line->queue = calloc((size_t) load->planned + 1, sizeof(*line->queue));
	if (line->workers == NULL || line->records == NULL || line->queue == NULL)
		return error_bug(error, "out of memory");
	for (int i = 0; i < load->config.threads; i++)
	{
		ShopWorker *worker = &line->workers[i];

		worker->line = line;
		worker->caller = shop_caller_create(path, load->config.run, &load->config.databases);
		if (worker->caller == NULL)
			return error_bug(error, "out of memory");
		if (!shop_caller_connect(worker->caller, error))
			return false;
	}
	return true;
}

static void
init_conditions(ShopLoad *load)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&load->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&load->stop, &attributes);
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		load->lines[path].load = load;
		load->lines[path].path = (ShopPath) path;
		pthread_cond_init(&load->lines[path].wake, &attributes);
	}
	pthread_condattr_destroy(&attributes);
}

ShopLoad *
shop_load_create(const ShopLoadConfig *config, Error *error)
{
	ShopLoad *load = calloc(1, sizeof(*load));

	if (load == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	load->config = *config;
	load->planned = schedule_count(config->schedule);
	init_conditions(load);
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		if (!make_line(load, (ShopPath) path, error))
		{
			shop_load_free(load);
			return NULL;
		}
	}
	return load;
}

bool
shop_load_start(ShopLoad *load, MonoUsec start_at, Error *error)
{
	load->start_at = start_at;
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		for (int i = 0; i < load->config.threads; i++)
		{
			ShopWorker *worker = &load->lines[path].workers[i];

			if (pthread_create(&worker->thread, NULL, run_worker, worker) != 0)
				return error_bug(error, "could not start the shop's threads");
			worker->running = true;
		}
	}
	if (pthread_create(&load->thread, NULL, run_offers, load) != 0)
		return error_bug(error, "could not start the shop's clients");
	load->offering = true;
	return true;
}

const ShopCounters *
shop_load_counters(const ShopLoad *load, ShopPath path)
{
	return &load->lines[path].counters;
}

bool
shop_load_done(ShopLoad *load)
{
	bool done;

	pthread_mutex_lock(&load->lock);
	done = load->next == load->planned;
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		const ShopLine *line = &load->lines[path];

		done = done && line->first == line->last && line->busy == 0;
	}
	pthread_mutex_unlock(&load->lock);
	return done;
}

void
shop_load_finish(ShopLoad *load)
{
	pthread_mutex_lock(&load->lock);
	load->stopping = true;
	pthread_cond_broadcast(&load->stop);
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
		pthread_cond_broadcast(&load->lines[path].wake);
	pthread_mutex_unlock(&load->lock);
	if (load->offering)
		pthread_join(load->thread, NULL);
	load->offering = false;
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		for (int i = 0; load->lines[path].workers != NULL && i < load->config.threads; i++)
		{
			ShopWorker *worker = &load->lines[path].workers[i];

			if (worker->running)
				pthread_join(worker->thread, NULL);
			worker->running = false;
		}
	}
}

uint32_t
shop_load_count(const ShopLoad *load)
{
	return load->next;
}

const ShopRecord *
shop_load_records(const ShopLoad *load, ShopPath path)
{
	return load->lines[path].records;
}

void
shop_load_free(ShopLoad *load)
{
	if (load == NULL)
		return;
	shop_load_finish(load);
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		ShopLine *line = &load->lines[path];

		for (int i = 0; line->workers != NULL && i < load->config.threads; i++)
			shop_caller_free(line->workers[i].caller);
		pthread_cond_destroy(&line->wake);
		free(line->workers);
		free(line->records);
		free(line->queue);
	}
	pthread_cond_destroy(&load->stop);
	pthread_mutex_destroy(&load->lock);
	free(load);
}
