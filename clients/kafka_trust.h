/*
 * kafka_trust.h
 *	  Asks librdkafka why a broker and a client don't trust each other: the way from its
 *	  codes and callbacks to kafka_refusal.h.
 */
#ifndef OUTBOX_CLIENTS_KAFKA_TRUST_H
#define OUTBOX_CLIENTS_KAFKA_TRUST_H

#include "kafka_refusal.h"

struct rd_kafka_conf_s;
struct rd_kafka_op_s;
struct rd_kafka_s;

/* From now on its log says what is wrong with a certificate: see kafka_certificate_note(). */
extern void kafka_trust_explain(struct rd_kafka_conf_s *conf);

/* As kafka_refusal() says, of an rd_kafka_resp_err_t and its text. */
extern bool kafka_trust_refusal(int code, const char *text, const char *certificate, Error *error);

/*
 * Whether an event of the queue says that a broker and we don't trust each other: then as
 * kafka_refusal() says.  Lines of the log are to be shown to it as well; certificate is its memory.
 */
extern bool kafka_event_refusal(struct rd_kafka_op_s *event,
								char certificate[KAFKA_CERTIFICATE_TEXT], Error *error);

/*
 * For commands that ask and wait: when the errors in the handle's queue (which has to be asked for
 * with kafka_conf_explain()) say why nobody answered, *error is that.  Returns false.
 */
extern void kafka_conf_explain(struct rd_kafka_conf_s *conf);
extern bool kafka_explain(struct rd_kafka_s *handle, Error *error);

#endif
