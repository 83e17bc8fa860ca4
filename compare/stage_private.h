/*
 * stage_private.h
 *	  What a stage is made of.  For stage*.c alone.
 */
#ifndef OUTBOX_COMPARE_STAGE_PRIVATE_H
#define OUTBOX_COMPARE_STAGE_PRIVATE_H

#include "daemons.h"
#include "hog.h"
#include "stage.h"

struct Stage
{
	StageConfig config;
	Interrupt *interrupt;
	char bin_dir[CLUSTER_PATH_SIZE]; /* PostgreSQL's */
	char password_file[CLUSTER_PATH_SIZE];
	char pass_file[CLUSTER_PATH_SIZE];
	char space[CLUSTER_PATH_SIZE]; /* the small disk */
	ChildUser server_user;
	bool full; /* not the target alone */
	bool down[PART_COUNT];
	Cluster source;
	Cluster target;
	Daemons daemons;
	App app;
	Proxy *proxy;
	Hog *hog;
};

/* Its process; NULL for the broker, which is scripts/kafka's. */
extern Child *stage_child(Stage *stage, Part part);

#endif
