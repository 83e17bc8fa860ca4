/*
 * kafka_clock.h
 *	  Keeps librdkafka going when the wall clock is set back.
 *
 * Its threads wait until times of the wall clock (up to 2.14 at least; its own issue 2145), and for a
 * second at most.  A clock that is set back by an hour makes them wait for an hour: no heartbeats go to
 * the group, no broker is connected to again.  Whatever they are told to do wakes them, and they go by the new
 * time from then on.
 */
#ifndef OUTBOX_CLIENTS_KAFKA_CLOCK_H
#define OUTBOX_CLIENTS_KAFKA_CLOCK_H

#include <stdbool.h>

#include "clock_watch.h"

struct rd_kafka_s;

/*
 * From time to time, by the thread that the client belongs to.  true: the clock was set back, and the client's main
 * thread was woken; of a producer also those of its brokers.
 */
extern bool kafka_clock_look(ClockWatch *watch, struct rd_kafka_s *client);

#endif
