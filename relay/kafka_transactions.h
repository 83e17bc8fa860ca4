/*
 * kafka_transactions.h
 *	  The thread that makes librdkafka's blocking calls about transactions, so that the main
 *	  loop goes on turning.
 *
 *		owner  --post()-->  [ one job ]  -->  thread: init, commit or abort
 *		owner  <--take()--  [ one result ] <--  and a write to the eventfd
 *
 * Contract
 *	- One job at a time: post() is refused until the result of the last one was taken.
 *	- The thread touches the handle, the mailbox and the eventfd, and nothing else of the
 *	  process; it logs nothing and handles no signals.  The mailbox is behind a lock that
 *	  is never held during a call of librdkafka.
 *	- TXN_INIT and TXN_COMMIT end with an open transaction.
 *	- A commit or an abort ends only when all delivery reports were drained, by the owner.
 *	- What may pass is tried again by the thread, for as long as it takes: a job has no
 *	  deadline but stop().
 *	- stop() returns within TXN_SLICE_MS, whatever the brokers do; the job that is under
 *	  way is given up, and its result is unknown.
 */
#ifndef OUTBOX_RELAY_KAFKA_TRANSACTIONS_H
#define OUTBOX_RELAY_KAFKA_TRANSACTIONS_H

#include "error.h"

#define TXN_SLICE_MS 100

struct rd_kafka_s;

typedef enum TxnJob
{
	TXN_INIT, /* fences off earlier producers with the same transactional id */
	TXN_COMMIT,
	TXN_ABORT
} TxnJob;

typedef struct TxnResult
{
	TxnJob job;
	bool done;	 /* else the producer is finished: "error" says why */
	bool fenced; /* a later producer with the same id is there, or Kafka gave up the transaction */
	Error error; /* TRANSIENT, unless nothing helps but a change of settings or rights */
} TxnResult;

typedef struct TxnThread TxnThread;

/* Both are borrowed until txn_thread_stop().  NULL with the Error filled (BUG). */
extern MUST_CHECK TxnThread *txn_thread_start(struct rd_kafka_s *handle, int event_fd,
											  Error *error);
/* false: busy, or a result wasn't taken. */
extern MUST_CHECK bool txn_thread_post(TxnThread *thread, TxnJob job);
/* false: there is none (yet). */
extern bool txn_thread_take(TxnThread *thread, TxnResult *result);
/* Nothing was posted of which the result wasn't taken. */
extern bool txn_thread_is_idle(TxnThread *thread);
extern void txn_thread_stop(TxnThread *thread); /* NULL is allowed */

/* Whether a code of librdkafka says so. */
extern bool txn_is_fencing(int code);

#endif
