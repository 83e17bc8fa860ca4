/*
 * load.c
 *	  The load generator's thread: one epoll loop over all clients.
 *
 * Each mode has MAX_CLIENTS connections at most, far more than rate times
 * patience; a request that finds none free is rejected, as nobody has seen it.
 */
#include "load.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "http_client.h"
#include "location.h"
#include "request_id.h"
#include "walk.h"

#define MAX_CLIENTS 1024
#define MAX_EVENTS 64
#define TOKEN_TIMER UINT64_MAX
#define TOKEN_STOP (UINT64_MAX - 1)

typedef struct LoadClient
{
	HttpClient http;
	bool made;
	bool active;
	uint32_t events; /* what epoll watches for; 0: nothing */
	uint32_t number; /* the request */
} LoadClient;

struct Load
{
	LoadConfig config;
	uint32_t planned;
	uint32_t next; /* the first number that was not offered */
	Walk walk;
	UnixUsec wall_start;
	LoadClient *clients[MODE_COUNT];
	LoadRecord *records[MODE_COUNT];
	LoadCounters counters[MODE_COUNT];
	uint32_t active;
	int epoll_fd;
	int timer_fd;
	int stop_fd;
	bool stopping;
	_Atomic bool done;
	bool running;
	pthread_t thread;
};

Outcome
load_outcome(int http_status)
{
	if (http_status == 201 || http_status == 202)
		return OUTCOME_ACCEPTED;
	/* 503 promises that nothing was stored, 4xx says the same; anything else promises nothing. */
	if (http_status == 503 || (http_status >= 400 && http_status < 500))
		return OUTCOME_REJECTED;
	return OUTCOME_UNKNOWN;
}

static MonoUsec
intended_at(const Load *load, uint32_t number)
{
	return load->config.start_at + schedule_at(&load->config.schedule, number);
}

/* -------------------------------------------------------------------------
 * a request
 * ------------------------------------------------------------------------- */

/* The first bucket ends at 0.1 ms, the last one has all that took longer. */
static int
bucket_of(int64_t latency_usec)
{
	double bucket = latency_usec > 100 ? ceil(4 * log2((double) latency_usec / 100)) : 0;

	return bucket < LOAD_BUCKETS ? (int) bucket : LOAD_BUCKETS - 1;
}

double
load_bucket_ms(int bucket)
{
	return 0.1 * exp2(bucket / 4.0);
}

static void
record(Load *load, Mode mode, uint32_t number, Outcome outcome, int http_status, MonoUsec now)
{
	LoadCounters *counters = &load->counters[mode];

	load->records[mode][number] =
		(LoadRecord){outcome, http_status, now - intended_at(load, number)};
	if (outcome == OUTCOME_ACCEPTED)
	{
		counters->accepted++;
		counters->latencies[bucket_of(now - intended_at(load, number))]++;
	}
	else if (outcome == OUTCOME_REJECTED)
		counters->rejected++;
	else
		counters->unknown++;
}

static void
reject(Load *load, Mode mode, uint32_t number, int http_status, RejectReason reason, MonoUsec now)
{
	load->counters[mode].reasons[reason]++;
	record(load, mode, number, OUTCOME_REJECTED, http_status, now);
}

/* Makes epoll watch for what the client waits for; a closed descriptor is forgotten by itself. */
static void
watch(Load *load, Mode mode, LoadClient *client)
{
	uint32_t index = (uint32_t) (client - load->clients[mode]);
	struct epoll_event event = {.data.u64 = (uint64_t) mode << 32 | index};

	if (client->http.fd < 0)
	{
		client->events = 0;
		return;
	}
	/* The values of poll(2) and epoll(7) for input and output are the same. */
	event.events = (uint32_t) http_client_events(&client->http);
	if (event.events == client->events)
		return;
	epoll_ctl(load->epoll_fd, client->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, client->http.fd,
			  &event);
	client->events = event.events;
}

static void
settle(Load *load, Mode mode, LoadClient *client, ClientResult result, int status, MonoUsec now)
{
	watch(load, mode, client);
	if (result == CLIENT_BUSY)
		return;
	client->active = false;
	load->active--;
	if (result == CLIENT_ANSWERED && load_outcome(status) != OUTCOME_REJECTED)
		record(load, mode, client->number, load_outcome(status), status, now);
	else if (result == CLIENT_ANSWERED || result == CLIENT_NOT_SENT)
		reject(load, mode, client->number, status,
			   reject_reason_of(status, client->http.answer, client->http.received), now);
	else
		record(load, mode, client->number, OUTCOME_UNKNOWN, 0, now);
}

/* One that is connected and idle if there is one, else one that is not connected. */
static LoadClient *
free_client(Load *load, Mode mode)
{
	LoadClient *closed = NULL;

	for (int i = 0; i < MAX_CLIENTS; i++)
	{
		LoadClient *client = &load->clients[mode][i];

		if (client->active)
			continue;
		if (client->made && client->http.fd >= 0)
			return client;
		if (closed == NULL)
			closed = client;
		if (!client->made)
			break;
	}
	return closed;
}

static void
write_request(LoadClient *client, Mode mode, const LocationReport *report)
{
	Buffer *request = &client->http.request;
	Buffer body;

	buffer_init(&body, 1024);
	location_format(report, LOCATION_NO_VERSION, &body);
	buffer_reset(request);
	buffer_printf(request,
				  "POST /drivers/%s/location?mode=%s HTTP/1.1\r\nHost: localhost\r\n"
				  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
				  report->driver_id, mode_name(mode), body.len);
	buffer_append(request, body.data, body.len);
	buffer_free(&body);
}

static void
offer(Load *load, Mode mode, uint32_t number, LocationReport *report)
{
	LoadClient *client = free_client(load, mode);

	load->counters[mode].offered++;
	if (client == NULL)
	{
		reject(load, mode, number, 0, REJECT_NO_CLIENT, clock_mono());
		return;
	}
	if (!client->made)
	{
		http_client_init(&client->http);
		client->made = true;
	}
	request_id_make(load->config.id_seed, load->config.run, mode, number, report->request_id);
	write_request(client, mode, report);
	client->number = number;
	client->active = true;
	load->active++;
	settle(load, mode, client, http_client_start(&client->http, load->config.port), 0,
		   clock_mono());
}

/* Every mode gets the same report; who comes first alternates. */
static void
offer_all(Load *load, uint32_t number)
{
	LocationReport report;

	walk_next(&load->walk, load->wall_start, schedule_at(&load->config.schedule, number), &report);
	for (uint32_t i = 0; i < MODE_COUNT; i++)
	{
		Mode mode = (Mode) ((i + number) % MODE_COUNT);

		if (load->config.modes[mode])
			offer(load, mode, number, &report);
	}
}

static void
offer_due(Load *load, MonoUsec now)
{
	while (!load->stopping && load->next < load->planned && intended_at(load, load->next) <= now)
		offer_all(load, load->next++);
}

/* Ends the patience of those that wait too long; returns when the next one's ends. */
static MonoUsec
expire(Load *load, MonoUsec now)
{
	MonoUsec next = MONO_NEVER;

	for (int mode = 0; mode < MODE_COUNT && load->active > 0; mode++)
	{
		for (int i = 0; load->clients[mode] != NULL && i < MAX_CLIENTS; i++)
		{
			LoadClient *client = &load->clients[mode][i];
			MonoUsec deadline;

			if (!client->made)
				break;
			if (!client->active)
				continue;
			deadline = intended_at(load, client->number) + load->config.timeout_usec;
			if (deadline <= now)
			{
				/* What was never connected was never sent. */
				ClientResult result = client->http.connecting ? CLIENT_NOT_SENT : CLIENT_BROKEN;

				http_client_close(&client->http);
				settle(load, (Mode) mode, client, result, 0, now);
			}
			else if (deadline < next)
				next = deadline;
		}
	}
	return next;
}

/* -------------------------------------------------------------------------
 * the thread
 * ------------------------------------------------------------------------- */

static void
arm_timer(const Load *load, MonoUsec at)
{
	struct itimerspec timer = {.it_value = {.tv_sec = (time_t) (at / USEC_PER_SEC),
											.tv_nsec = (long) (at % USEC_PER_SEC) * 1000}};

	timerfd_settime(load->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

static void
turn_client(Load *load, uint64_t token)
{
	Mode mode = (Mode) (token >> 32);
	LoadClient *client = &load->clients[mode][token & UINT32_MAX];
	int status = 0;
	ClientResult result;

	if (!client->active)
	{
		/* The server ended an idle connection. */
		http_client_close(&client->http);
		client->events = 0;
		return;
	}
	result = http_client_turn(&client->http, &status);
	settle(load, mode, client, result, status, clock_mono());
}

static void
wait_events(Load *load)
{
	struct epoll_event events[MAX_EVENTS];
	int count = epoll_wait(load->epoll_fd, events, MAX_EVENTS, -1);

	for (int i = 0; i < count; i++)
	{
		uint64_t expirations;

		if (events[i].data.u64 == TOKEN_STOP)
			load->stopping = true;
		if (events[i].data.u64 != TOKEN_TIMER && events[i].data.u64 != TOKEN_STOP)
			turn_client(load, events[i].data.u64);
		else if (read(events[i].data.u64 == TOKEN_STOP ? load->stop_fd : load->timer_fd,
					  &expirations, sizeof(expirations)) < 0)
			continue; /* nothing was there after all */
	}
}

static void *
run_load(void *arg)
{
	Load *load = arg;

	for (;;)
	{
		MonoUsec now = clock_mono();
		MonoUsec wake_at;

		offer_due(load, now);
		wake_at = expire(load, now);
		if (!load->stopping && load->next < load->planned)
		{
			MonoUsec next = intended_at(load, load->next);

			wake_at = next < wake_at ? next : wake_at;
		}
		else if (load->active == 0)
			break;
		arm_timer(load, wake_at > 0 ? wake_at : 1);
		wait_events(load);
	}
	load->done = true;
	return NULL;
}

/* -------------------------------------------------------------------------
 * the load
 * ------------------------------------------------------------------------- */

static bool
add_descriptor(const Load *load, int fd, uint64_t token)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = token};

	return fd >= 0 && epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool
allocate(Load *load)
{
	load->planned = schedule_count(&load->config.schedule);
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (!load->config.modes[mode])
			continue;
		load->clients[mode] = calloc(MAX_CLIENTS, sizeof(LoadClient));
		load->records[mode] = calloc((size_t) load->planned + 1, sizeof(LoadRecord));
		if (load->clients[mode] == NULL || load->records[mode] == NULL)
			return false;
	}
	if (!walk_init(&load->walk, &walk_berlin, load->config.drivers, load->config.schedule.seed))
		return false;
	load->walk.first_driver = load->config.run * DRIVERS_PER_RUN;
	return true;
}

Load *
load_start(const LoadConfig *config, Error *error)
{
	Load *load = calloc(1, sizeof(*load));

	if (load == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	load->config = *config;
	load->wall_start = clock_wall() + (config->start_at - clock_mono());
	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	load->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	load->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!allocate(load) || load->epoll_fd < 0 ||
		!add_descriptor(load, load->timer_fd, TOKEN_TIMER) ||
		!add_descriptor(load, load->stop_fd, TOKEN_STOP) ||
		pthread_create(&load->thread, NULL, run_load, load) != 0)
	{
		error_bug(error, "could not start the load generator");
		load_free(load);
		return NULL;
	}
	load->running = true;
	return load;
}

const LoadCounters *
load_counters(const Load *load, Mode mode)
{
	return &load->counters[mode];
}

bool
load_done(const Load *load)
{
	return load->done;
}

void
load_finish(Load *load)
{
	uint64_t one = 1;

	if (!load->running)
		return;
	if (!load->done && write(load->stop_fd, &one, sizeof(one)) < 0)
		load->stopping = true; /* cannot be: the counter is at 0 */
	pthread_join(load->thread, NULL);
	load->running = false;
}

int64_t
load_intended(const Load *load, uint32_t number)
{
	return schedule_at(&load->config.schedule, number);
}

uint32_t
load_count(const Load *load)
{
	return load->next;
}

const LoadRecord *
load_records(const Load *load, Mode mode)
{
	return load->records[mode];
}

static void
close_descriptor(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
load_free(Load *load)
{
	if (load == NULL)
		return;
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		for (int i = 0; load->clients[mode] != NULL && i < MAX_CLIENTS; i++)
		{
			if (load->clients[mode][i].made)
				http_client_free(&load->clients[mode][i].http);
		}
		free(load->clients[mode]);
		free(load->records[mode]);
	}
	walk_free(&load->walk);
	schedule_free(&load->config.schedule);
	close_descriptor(load->epoll_fd);
	close_descriptor(load->timer_fd);
	close_descriptor(load->stop_fd);
	free(load);
}
