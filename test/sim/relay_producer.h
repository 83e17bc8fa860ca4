/*
 * relay_producer.h
 *	  The producers of the simulation, for relay_producer.c and relay_coordinator.c alone.
 */
#ifndef OUTBOX_TEST_RELAY_PRODUCER_H
#define OUTBOX_TEST_RELAY_PRODUCER_H

#include "relay_world.h"

#define MESSAGES 128 /* that a producer holds; a power of 2 */
#define BATCH 12
#define IN_FLIGHT 5 /* messages of a partition, behind which others are held */
#define REPORTS (2 * MESSAGES)
#define WRITTEN_MAX EVENTS_MAX

typedef struct Message
{
	DeliveryToken token;
	int event;
	Position position;
} Message;

typedef enum ReportKind
{
	REPORT_DONE,
	REPORT_POISON,
	REPORT_FAILED, /* and the event isn't in Kafka */
	REPORT_UNKNOWN,
	REPORT_READY, /* TXN_INIT came to its end */
	REPORT_COMMITTED
} ReportKind;

typedef struct Report
{
	ReportKind kind;
	DeliveryToken token;
} Report;

typedef struct Lane
{
	FakeSink *sink;
	int place;
	Message messages[MESSAGES];
	unsigned first;
	unsigned count;
	unsigned held; /* of those, the last: what release() lets go */
	unsigned sent; /* of those; a request of them is under way */
	bool appended; /* they are in the log */
} Lane;

typedef struct Written
{
	int place;
	int index;
} Written;

struct FakeSink
{
	EventSink base;
	SimRelay *relay;
	uint32_t timeline; /* of the server that it is for */
	Lane lanes[PLACES];
	uint32_t room;
	uint32_t outstanding; /* without a report that was taken */
	Report reports[REPORTS];
	unsigned report_count;
	bool closed;
	bool failed;
	bool fenced;
	bool answered;

	bool transactional;
	bool open;
	bool ending;
	bool asked; /* the end is under way */
	bool decided;
	uint64_t number;	/* of its transaction */
	MonoUsec opened_at; /* that one */
	int64_t age;		/* when its end was asked for */
	Position before;
	Written *written;
	int written_count;
};

/* --- relay_producer.c --- */
extern void sink_report(FakeSink *sink, ReportKind kind, DeliveryToken token);
/* Nothing more is sent; what has no report gets one.  refused: the batch that is to blame, or NULL. */
extern void sink_fail(FakeSink *sink, const Lane *refused);
/* What is held is sent. */
extern void sink_release(EventSink *base);
/* Of a stopped process nothing goes on: then that is done later. */
extern bool sink_waits_for_process(const FakeSink *sink, SimAction action, void *object);

/* --- relay_coordinator.c --- */
extern void sink_initiate(void *sink);
extern void sink_begin_transaction(FakeSink *sink);
extern void sink_abort_transaction(FakeSink *sink);
extern IoResult sink_commit(EventSink *base, const Position *before, Error *error);
/* When each of its events was reported, and the owner has heard it. */
extern void sink_ask_for_end(FakeSink *sink);

#endif
