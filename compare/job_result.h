/*
 * job_result.h
 *	  How a request to the application ends.
 */
#ifndef OUTBOX_COMPARE_JOB_RESULT_H
#define OUTBOX_COMPARE_JOB_RESULT_H

typedef enum JobResult
{
	JOB_STORED,
	JOB_AWAY,	 /* the database or the broker is away; nothing was stored */
	JOB_BUSY,	 /* the pool is exhausted; nothing was stored */
	JOB_INVALID, /* the data is at fault; nothing was stored */
	JOB_UNKNOWN	 /* it may or may not have been stored */
} JobResult;

#endif
