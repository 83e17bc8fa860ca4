/*
 * kafka_trust.c
 *	  Why a broker and a client don't trust each other.
 *
 * Refuses nothing.
 *
 * Invariants: explain_certificate() alone runs in librdkafka's threads, and it has no state.
 */
#include "kafka_trust.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "kafka_refusal.h"

/*
 * Called by librdkafka's threads: only here is it known what is wrong with a certificate.  What is
 * written to reason comes through the log's queue.
 */
static int
explain_certificate(rd_kafka_t *handle, const char *broker, int32_t broker_id, int *x509_error,
					int depth, const char *certificate, size_t size, char *reason,
					size_t reason_size, void *opaque)
{
	(void) handle;
	(void) broker;
	(void) broker_id;
	(void) depth;
	(void) certificate;
	(void) size;
	(void) opaque;
	if (*x509_error == 0)
		return 1;
	snprintf(reason, reason_size, "%s", kafka_certificate_problem(*x509_error));
	return 0;
}

/* A library without SSL has no use for it. */
void
kafka_trust_explain(rd_kafka_conf_t *conf)
{
	char value[8] = "";
	size_t size = sizeof(value);

	if (rd_kafka_conf_get(conf, "enable.ssl.certificate.verification", value, &size) ==
			RD_KAFKA_CONF_OK &&
		strcmp(value, "true") == 0)
		(void) rd_kafka_conf_set_ssl_cert_verify_cb(conf, explain_certificate);
}

bool
kafka_trust_refusal(int code, const char *text, const char *certificate, Error *error)
{
	KafkaTrouble trouble = KAFKA_TROUBLE_OTHER;

	if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION)
		trouble = KAFKA_TROUBLE_AUTHENTICATION;
	else if (code == RD_KAFKA_RESP_ERR__SSL)
		trouble = KAFKA_TROUBLE_SSL;
	else if (code == RD_KAFKA_RESP_ERR__TRANSPORT)
		trouble = KAFKA_TROUBLE_TRANSPORT;
	return kafka_refusal(error, trouble, text, certificate, (uint32_t) rd_kafka_version());
}

bool
kafka_event_refusal(rd_kafka_event_t *event, char certificate[KAFKA_CERTIFICATE_TEXT], Error *error)
{
	const char *facility;
	const char *text;
	int level;

	if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_LOG)
	{
		if (rd_kafka_event_log(event, &facility, &text, &level) == 0)
			kafka_certificate_note(certificate, facility, text);
		return false;
	}
	if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_ERROR)
		return false;
	return kafka_trust_refusal(rd_kafka_event_error(event), rd_kafka_event_error_string(event),
							   certificate, error);
}

void
kafka_conf_explain(rd_kafka_conf_t *conf)
{
	rd_kafka_conf_set_events(conf,
							 RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
}

bool
kafka_explain(rd_kafka_t *handle, Error *error)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_get_main(handle);
	char certificate[KAFKA_CERTIFICATE_TEXT] = "";
	char room[KAFKA_TEXT_SIZE];
	rd_kafka_event_t *event;
	Error why;

	error_clear(&why);
	(void) rd_kafka_set_log_queue(handle, queue);
	while ((event = rd_kafka_queue_poll(queue, 0)) != NULL)
	{
		if (kafka_event_refusal(event, certificate, &why))
			*error = why;
		else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
				 rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__TRANSPORT &&
				 why.error_class == ERROR_CLASS_NONE)
			error_detail(error, "%s", kafka_text(rd_kafka_event_error_string(event), room));
		rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(queue);
	return false;
}
