/*
 * shop_services.c
 *	  Databases and consumers, one of each for a service.
 */
#include "shop_services.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "pg_session.h"
#include "port.h"
#include "sample.h"
#include "scrape.h"
#include "shop_order.h"

#define INIT_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define STATEMENT_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define STOP_WAIT_USEC (3 * USEC_PER_SEC)
#define GET_TIMEOUT_USEC (200 * USEC_PER_MS)
#define END_TRIES 100
#define TEXT_LIMIT 16384
#define METRICS_LIMIT (1024 * 1024)

void
shop_services_init(ShopServices *services, const ShopServicesConfig *config)
{
	memset(services, 0, sizeof(*services));
	services->config = *config;
	cluster_conninfo(config->target, "postgres", services->admin, sizeof(services->admin));
	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		ShopService *it = &services->all[i];

		snprintf(it->database, sizeof(it->database), "%s_%u", service_name((Service) i),
				 (unsigned) config->run);
		cluster_conninfo(config->target, it->database, it->conninfo, sizeof(it->conninfo));
	}
}

static bool
run_sql(const char *conninfo, const char *sql, Error *error)
{
	return pg_session_run_once(conninfo, STATEMENT_TIMEOUT_USEC, sql, error);
}

static bool
make_database(ShopServices *services, Service service, Error *error)
{
	ShopService *it = &services->all[service];
	char create[128];
	Buffer schema;
	bool made;

	snprintf(create, sizeof(create), "CREATE DATABASE %s", it->database);
	buffer_init(&schema, TEXT_LIMIT);
	shop_service_schema(service, &schema);
	made = schema.failed ? error_bug(error, "the tables of %s are too long", service_name(service))
						 : run_sql(services->admin, create, error) &&
							   run_sql(it->conninfo, schema.data, error);
	buffer_free(&schema);
	return made;
}

/* -------------------------------------------------------------------------
 * the consumers
 * ------------------------------------------------------------------------- */

static bool
write_handlers(ShopServices *services, Service service, Error *error)
{
	Buffer text;
	bool written;

	buffer_init(&text, TEXT_LIMIT);
	shop_service_handlers(service, services->config.run, &text);
	written = text.failed
				  ? error_bug(error, "the handlers of %s are too long", service_name(service))
				  : file_write(services->all[service].setup.config_path, text.data, 0644, error);
	buffer_free(&text);
	return written;
}

static void
set_up(ShopServices *services, Service service)
{
	const ShopServicesConfig *config = &services->config;
	ShopService *it = &services->all[service];
	DaemonSetup *setup = &it->setup;
	char reset[32];

	it->port = port_find();
	daemon_init(setup, "outbox-consumer", config->program_dir, config->dir);
	snprintf(setup->config_path, sizeof(setup->config_path), "%.450s/%s.ini", config->dir,
			 service_name(service));
	snprintf(setup->log_path, sizeof(setup->log_path), "%.450s/outbox-consumer-%s.log", config->dir,
			 service_name(service));
	snprintf(reset, sizeof(reset), "%lldms",
			 (long long) (config->breaker_reset_usec / USEC_PER_MS));
	daemon_set(setup, "OUTBOX_CONSUMER_TARGET_CONNINFO", it->conninfo);
	daemon_set(setup, "OUTBOX_CONSUMER_KAFKA_BOOTSTRAP_SERVERS", config->brokers);
	daemon_listen(setup, "OUTBOX_CONSUMER_HTTP_LISTEN", it->port);
	daemon_set(setup, "OUTBOX_CONSUMER_CONSUMER_GROUP", it->database);
	daemon_set(setup, "OUTBOX_CONSUMER_BREAKER_RESET", reset);
}

bool
shop_service_start(ShopServices *services, Service service, Interrupt *interrupt, Error *error)
{
	ShopService *it = &services->all[service];

	set_up(services, service);
	return make_database(services, service, error) && write_handlers(services, service, error) &&
		   daemon_start(&it->setup, &services->tool, "init", NULL, error) &&
		   child_finish(&services->tool, interrupt, INIT_TIMEOUT_USEC, error) &&
		   daemon_start(&it->setup, &it->consumer, "run", NULL, error);
}

bool
shop_service_await(ShopServices *services, Service service, Interrupt *interrupt, Error *error)
{
	ShopService *it = &services->all[service];

	return daemon_await(&it->consumer, it->port, interrupt, error);
}

void
shop_service_look(const ShopServices *services, Service service, ServiceState *state)
{
	const ShopService *it = &services->all[service];
	Buffer metrics;
	double value;

	*state = (ServiceState){.breaker = UNSEEN, .lag = UNSEEN};
	buffer_init(&metrics, METRICS_LIMIT);
	if (scrape_get(it->port, "/metrics", GET_TIMEOUT_USEC, &metrics) == 200)
	{
		if (scrape_metric(metrics.data, "circuit_breaker_state", &value))
			state->breaker = (int) value;
		if (scrape_metric(metrics.data, "outbox_consumer_lag_records", &value) && value >= 0)
			state->lag = (int64_t) value;
	}
	buffer_free(&metrics);
}

bool
shop_services_check(ShopServices *services, Error *error)
{
	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		Child *consumer = &services->all[i].consumer;

		if (consumer->pid != 0 && !child_running(consumer))
			return child_error(consumer, error);
	}
	return true;
}

/* -------------------------------------------------------------------------
 * away and back
 * ------------------------------------------------------------------------- */

static bool
allow_connections(ShopServices *services, Service service, bool allow, Error *error)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "ALTER DATABASE %s ALLOW_CONNECTIONS %s",
			 services->all[service].database, allow ? "true" : "false");
	return run_sql(services->admin, sql, error);
}

/* Who was on its way in when connections were forbidden may come after the first time. */
static bool
end_sessions(const ShopServices *services, Service service, Error *error)
{
	PgSession *session = pg_session_open(services->admin, STATEMENT_TIMEOUT_USEC, error);
	char sql[160];
	int64_t left = 1;
	bool done = session != NULL;

	snprintf(sql, sizeof(sql),
			 "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '%s'",
			 services->all[service].database);
	for (int i = 0; done && left > 0 && i < END_TRIES; i++)
		done = pg_session_number(session, sql, &left, error);
	pg_session_close(session);
	return done;
}

bool
shop_service_away(ShopServices *services, Service service, Error *error)
{
	services->all[service].away = true;
	return allow_connections(services, service, false, error) &&
		   end_sessions(services, service, error);
}

bool
shop_service_back(ShopServices *services, Service service, Error *error)
{
	if (!allow_connections(services, service, true, error))
		return false;
	services->all[service].away = false;
	return true;
}

void
shop_services_stop(ShopServices *services)
{
	Error ignored;

	child_kill(&services->tool);
	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		ShopService *it = &services->all[i];

		if (it->away && !shop_service_back(services, (Service) i, &ignored))
			it->away = false; /* the server is gone, and the database with it */
		child_signal(&it->consumer, SIGTERM);
	}
	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		ShopService *it = &services->all[i];
		char drop[128];

		child_wait(&it->consumer, STOP_WAIT_USEC);
		child_kill(&it->consumer);
		snprintf(drop, sizeof(drop), "DROP DATABASE IF EXISTS %s WITH (FORCE)", it->database);
		if (it->port != 0 && !run_sql(services->admin, drop, &ignored))
			continue; /* it goes with its cluster */
	}
}
