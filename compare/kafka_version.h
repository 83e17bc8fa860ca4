/*
 * kafka_version.h
 *	  The version of librdkafka that is in use.
 */
#ifndef OUTBOX_COMPARE_KAFKA_VERSION_H
#define OUTBOX_COMPARE_KAFKA_VERSION_H

extern const char *kafka_version(void);

#endif
