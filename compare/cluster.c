/*
 * cluster.c
 *	  initdb, postgres and pg_ctl as children.
 *
 * The server is our direct child in the foreground, so the kernel ends it with
 * us (SIGQUIT: immediate shutdown).  fsync stays on: what is committed is
 * committed, also for the comparison.  initdb syncs what it made, or crash
 * recovery would have to, and the outage would last longer than was asked for.
 */
#include "cluster.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit_codes.h"
#include "pg_session.h"
#include "port.h"

#define STOP_WAIT_USEC (5 * USEC_PER_SEC)
#define READY_TIMEOUT_USEC (2 * USEC_PER_SEC)

static bool
make_directory(Cluster *cluster, Error *error)
{
	char path[CLUSTER_PATH_SIZE];
	const ClusterConfig *config = &cluster->config;

	snprintf(path, sizeof(path), "%s/%s", config->stage_dir, config->name);
	if (mkdir(path, 0700) != 0 ||
		(config->user.change && chown(path, config->user.uid, config->user.gid) != 0))
		return error_permanent(error, EXIT_CONFIG, "could not make \"%s\": %s", path,
							   strerror(errno));
	return true;
}

static bool
run_tool(Cluster *cluster, const char *name, const char *const *argv, Error *error)
{
	ChildSpec spec = {.name = name,
					  .argv = argv,
					  .user = cluster->config.user,
					  .log_path = cluster->tool_log_path,
					  .death_signal = SIGKILL};

	return child_start(&cluster->tool, &spec, error);
}

bool
cluster_make(Cluster *cluster, const ClusterConfig *config, Error *error)
{
	char program[CLUSTER_PATH_SIZE];
	char password_file[CLUSTER_PATH_SIZE];
	const char *const argv[] = {program,
								"--pgdata",
								cluster->data_dir,
								"--username",
								CLUSTER_USER,
								"--auth",
								"scram-sha-256",
								"--pwfile",
								password_file,
								"--encoding",
								"UTF8",
								"--locale",
								"C",
								"--no-instructions",
								NULL};

	memset(cluster, 0, sizeof(*cluster));
	cluster->config = *config;
	snprintf(cluster->data_dir, sizeof(cluster->data_dir), "%s/%s/data", config->stage_dir,
			 config->name);
	snprintf(cluster->log_path, sizeof(cluster->log_path), "%s/%s.log", config->stage_dir,
			 config->name);
	snprintf(cluster->tool_log_path, sizeof(cluster->tool_log_path), "%s/%s-tools.log",
			 config->stage_dir, config->name);
	snprintf(program, sizeof(program), "%s/initdb", config->bin_dir);
	snprintf(password_file, sizeof(password_file), "%s", config->password_file);
	return make_directory(cluster, error) && run_tool(cluster, "initdb", argv, error);
}

void
cluster_conninfo(const Cluster *cluster, const char *database, char *conninfo, size_t size)
{
	snprintf(conninfo, size, "host=127.0.0.1 port=%d dbname=%s user=%s passfile='%s'",
			 cluster->port, database, CLUSTER_USER, cluster->config.pass_file);
}

bool
cluster_start(Cluster *cluster, Error *error)
{
	char program[CLUSTER_PATH_SIZE];
	char port[32];
	char connections[32];
	const char *const argv[] = {program,
								"-D",
								cluster->data_dir,
								"-c",
								"listen_addresses=127.0.0.1",
								"-c",
								"unix_socket_directories=",
								"-c",
								port,
								"-c",
								cluster->config.logical ? "wal_level=logical" : "wal_level=replica",
								"-c",
								connections,
								"-c",
								"track_commit_timestamp=on", /* when a row was visible */
								"-c",
								"shared_buffers=64MB",
								"-c",
								"log_line_prefix=%m [%p] %q%a ",
								NULL};
	ChildSpec spec = {.name = cluster->config.name,
					  .argv = argv,
					  .user = cluster->config.user,
					  .log_path = cluster->log_path,
					  .death_signal = SIGQUIT};

	/* The port is for life: clients find the server there after a crash. */
	if (cluster->port == 0)
	{
		cluster->port = port_find();
		if (cluster->port == 0)
			return error_permanent(error, EXIT_SERVER, "no free port at 127.0.0.1");
		cluster_conninfo(cluster, cluster->config.name, cluster->conninfo,
						 sizeof(cluster->conninfo));
	}
	snprintf(program, sizeof(program), "%s/postgres", cluster->config.bin_dir);
	snprintf(port, sizeof(port), "port=%d", cluster->port);
	snprintf(connections, sizeof(connections), "max_connections=%d", cluster->config.connections);
	return child_start(&cluster->server, &spec, error);
}

bool
cluster_ready(const Cluster *cluster)
{
	char conninfo[CLUSTER_CONNINFO_SIZE];
	PgSession *session;
	Error ignored;

	cluster_conninfo(cluster, "postgres", conninfo, sizeof(conninfo));
	session = pg_session_open(conninfo, READY_TIMEOUT_USEC, &ignored);
	pg_session_close(session);
	return session != NULL;
}

bool
cluster_crash(Cluster *cluster, Error *error)
{
	char program[CLUSTER_PATH_SIZE];
	const char *const argv[] = {program, "stop", "-D", cluster->data_dir, "-m", "immediate", NULL};

	snprintf(program, sizeof(program), "%s/pg_ctl", cluster->config.bin_dir);
	return run_tool(cluster, "pg_ctl", argv, error);
}

void
cluster_stop(Cluster *cluster)
{
	child_kill(&cluster->tool);
	child_signal(&cluster->server, SIGINT);
}

void
cluster_finish(Cluster *cluster)
{
	if (!child_wait(&cluster->server, STOP_WAIT_USEC))
	{
		child_signal(&cluster->server, SIGQUIT);
		if (!child_wait(&cluster->server, STOP_WAIT_USEC))
			child_kill(&cluster->server);
	}
}
