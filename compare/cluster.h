/*
 * cluster.h
 *	  A private PostgreSQL cluster: made with initdb, run as our child, crashed and
 *	  started again on purpose.
 *
 * It listens on one port of 127.0.0.1 and wants a password, which only the
 * stage's files know.
 */
#ifndef OUTBOX_COMPARE_CLUSTER_H
#define OUTBOX_COMPARE_CLUSTER_H

#include "child.h"
#include "error.h"

#define CLUSTER_PATH_SIZE 512
#define CLUSTER_CONNINFO_SIZE 1024
#define CLUSTER_USER "outbox"

typedef struct ClusterConfig
{
	const char *name;	   /* "source", "target": also the database's */
	const char *stage_dir; /* below it the cluster's own directory is made */
	const char *bin_dir;
	const char *password_file; /* for initdb: the password alone, readable by the user */
	const char *pass_file;	   /* for libpq */
	ChildUser user;
	int connections; /* max_connections */
	bool logical;	 /* wal_level = logical */
} ClusterConfig;

typedef struct Cluster
{
	ClusterConfig config; /* its strings live as long as the stage */
	char data_dir[CLUSTER_PATH_SIZE];
	char log_path[CLUSTER_PATH_SIZE];
	char tool_log_path[CLUSTER_PATH_SIZE]; /* initdb's and pg_ctl's */
	char conninfo[CLUSTER_CONNINFO_SIZE];
	int port;
	Child server;
	Child tool;
} Cluster;

/* Makes the directory and starts initdb; cluster->tool is that process. */
extern MUST_CHECK bool cluster_make(Cluster *cluster, const ClusterConfig *config, Error *error);

/* Starts the server; cluster_ready() says when it serves. */
extern MUST_CHECK bool cluster_start(Cluster *cluster, Error *error);
extern bool cluster_ready(const Cluster *cluster);
/* As pg_session_open() wants it. */
extern void cluster_conninfo(const Cluster *cluster, const char *database, char *conninfo,
							 size_t size);

/* Starts "pg_ctl stop -m immediate"; cluster->tool is that process, cluster->server ends with it. */
extern MUST_CHECK bool cluster_crash(Cluster *cluster, Error *error);

/* Asks for a fast shutdown; cluster_finish() waits for it, and kills what doesn't go. */
extern void cluster_stop(Cluster *cluster);
extern void cluster_finish(Cluster *cluster);

#endif
