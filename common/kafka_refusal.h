/*
 * kafka_refusal.h
 *	  What librdkafka says when a broker and a client don't trust each other, as an Error
 *	  that somebody can act on.  Pure: texts in, an Error out.
 *
 * Such a connection is tried again by librdkafka for as long as it takes; whether a program
 * waits with it is the program's choice (docs/decisions/0107).
 */
#ifndef OUTBOX_COMMON_KAFKA_REFUSAL_H
#define OUTBOX_COMMON_KAFKA_REFUSAL_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

#define KAFKA_CERTIFICATE_TEXT 160

typedef enum KafkaTrouble
{
	KAFKA_TROUBLE_OTHER,
	KAFKA_TROUBLE_TRANSPORT,	 /* _TRANSPORT */
	KAFKA_TROUBLE_SSL,			 /* _SSL */
	KAFKA_TROUBLE_AUTHENTICATION /* _AUTHENTICATION */
} KafkaTrouble;

/* In words, what OpenSSL's number for a certificate that can't be verified means. */
extern const char *kafka_certificate_problem(int x509_error);

/*
 * Keeps the words of the line that librdkafka logs of a certificate (facility SSLCERTVRFY),
 * for the refusal that follows; anything else changes nothing.
 */
extern void kafka_certificate_note(char kept[KAFKA_CERTIFICATE_TEXT], const char *facility,
								   const char *text);

/*
 * Whether somebody has to do something before this broker can be talked to; then the Error is
 * PERMANENT with EXIT_PERMISSION, with a hint.  certificate: what was kept, or "";
 * library_version: rd_kafka_version().
 */
extern bool kafka_refusal(Error *error, KafkaTrouble trouble, const char *text,
						  const char *certificate, uint32_t library_version);

/*
 * What librdkafka says, or in room the same without what it quotes of sasl.oauthbearer.config,
 * which may be a secret.
 */
#define KAFKA_TEXT_SIZE 512
extern const char *kafka_text(const char *text, char room[KAFKA_TEXT_SIZE]);

/*
 * What is the same in each line about one trouble: the library says it once with the name of its
 * thread and once without, of a broker by its number or "bootstrap", and after how long.
 */
extern void kafka_complaint_kind(const char *text, char *kind, size_t size);

/* The value of a property of the client that is being set up; false: none. */
typedef bool (*KafkaPropertyFn)(void *conf, const char *name, char *value, size_t size);

/*
 * A client that can't be made, with the library's reason: PERMANENT with EXIT_CONFIG.  Of a file
 * that a property names and that can't be opened it says which, and why.  Returns false.
 */
extern bool kafka_setup_refusal(Error *error, const char *reason, KafkaPropertyFn get, void *conf);

#endif
