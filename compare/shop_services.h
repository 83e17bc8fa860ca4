/*
 * shop_services.h
 *	  The services of an inventory run: for each a database of its own in the
 *	  target's cluster, and an outbox-consumer with a group of its own.
 *
 * Names carry the run's number, so the next run on the stage begins with nothing.
 * Main thread only.
 */
#ifndef OUTBOX_COMPARE_SHOP_SERVICES_H
#define OUTBOX_COMPARE_SHOP_SERVICES_H

#include "cluster.h"
#include "daemon.h"
#include "shop.h"

typedef struct ShopServicesConfig
{
	const Cluster *target;
	const char *brokers;
	const char *dir;		 /* configuration files and logs are put there */
	const char *program_dir; /* where outbox-consumer is */
	uint32_t run;
	int64_t breaker_reset_usec;
} ShopServicesConfig;

typedef struct ShopService
{
	char database[64];
	char conninfo[CLUSTER_CONNINFO_SIZE];
	DaemonSetup setup; /* of its consumer */
	Child consumer;
	int port;
	bool away;
} ShopService;

typedef struct ShopServices
{
	ShopServicesConfig config;
	char admin[CLUSTER_CONNINFO_SIZE]; /* the database from which others are made */
	Child tool;						   /* an "init" */
	ShopService all[SERVICE_COUNT];
} ShopServices;

extern void shop_services_init(ShopServices *services, const ShopServicesConfig *config);

/* Database, tables, handlers, the consumer's init; then it runs, and isn't waited for. */
extern MUST_CHECK bool shop_service_start(ShopServices *services, Service service,
										  Interrupt *interrupt, Error *error);
extern MUST_CHECK bool shop_service_await(ShopServices *services, Service service,
										  Interrupt *interrupt, Error *error);

/* Its database refuses connections, and those that were there are ended; and the way back. */
extern MUST_CHECK bool shop_service_away(ShopServices *services, Service service, Error *error);
extern MUST_CHECK bool shop_service_back(ShopServices *services, Service service, Error *error);

/* What its consumer says; UNSEEN (sample.h) is what it doesn't. */
typedef struct ServiceState
{
	int breaker; /* 0 closed, 1 half-open, 2 open */
	int64_t lag; /* records before it */
} ServiceState;

extern void shop_service_look(const ShopServices *services, Service service, ServiceState *state);

/* One whose consumer has ended by itself: the error says which. */
extern MUST_CHECK bool shop_services_check(ShopServices *services, Error *error);

/* Brings back who is away, ends the consumers, drops the databases, as far as that is possible. */
extern void shop_services_stop(ShopServices *services);

#endif
