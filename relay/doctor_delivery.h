/*
 * doctor_delivery.h
 *	  What doctor has to say about Kafka transactions: would a relay find out where to go
 *	  on?  Pure: facts in, a finding out.
 *
 * By the rule of relay_check_delivery.h.  What takes more than a look is left to the relay's start:
 * the tails of the topics at a change to exactly-once, and positions of an earlier timeline.
 */
#ifndef OUTBOX_RELAY_DOCTOR_DELIVERY_H
#define OUTBOX_RELAY_DOCTOR_DELIVERY_H

#include "doctor_server.h"

typedef struct DeliveryLook
{
	bool exactly_once; /* this relay's delivery */
	Error error;	   /* looking at it; its class is NONE when the rest is known */
	bool found;		   /* it has a position of this relay */
	Position before;
	char written_on[24]; /* the system identifier with it; "": not known */
} DeliveryLook;

/* Whether a relay that starts reads the position topic: then doctor does. */
extern bool doctor_delivery_matters(const ServerFacts *server, const DeliveryLook *look);

/* After a look that mattered. */
extern void doctor_check_delivery(const ServerFacts *server, const DeliveryLook *look,
								  FindingFn tell, void *arg);

#endif
