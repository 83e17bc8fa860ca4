/*
 * kafka_trust.h
 *	  Asks librdkafka why a broker and a client don't trust each other: the way from its
 *	  codes and callbacks to kafka_refusal.h.
 */
#ifndef OUTBOX_CLIENTS_KAFKA_TRUST_H
#define OUTBOX_CLIENTS_KAFKA_TRUST_H

#include "kafka_refusal.h"

struct rd_kafka_conf_s;

/* From now on its log says what is wrong with a certificate: see kafka_certificate_note(). */
extern void kafka_trust_explain(struct rd_kafka_conf_s *conf);

/* As kafka_refusal() says, of an rd_kafka_resp_err_t and its text. */
extern bool kafka_trust_refusal(int code, const char *text, const char *certificate, Error *error);

#endif
