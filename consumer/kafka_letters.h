/*
 * kafka_letters.h
 *	  Dead letters into a topic, by a producer that is made for the first of them.
 */
#ifndef OUTBOX_CONSUMER_KAFKA_LETTERS_H
#define OUTBOX_CONSUMER_KAFKA_LETTERS_H

#include "letters.h"
#include "options.h"

/* Texts and Options are borrowed. */
typedef struct KafkaLettersConfig
{
	const Options *options; /* for kafka.* */
	const char *topic;
	bool create; /* the topic, when it is missing */
	int partitions;
	int replication_factor; /* -1: the broker's default */
} KafkaLettersConfig;

/* NULL with the Error filled. */
extern MUST_CHECK LetterSink *kafka_letters_create(const KafkaLettersConfig *config, Error *error);

#endif
