/*
 * kafka_version.c
 *	  Asks the library itself: it may be another one than at build time.
 */
#include "kafka_version.h"

#include <librdkafka/rdkafka.h>

const char *
kafka_version(void)
{
	return rd_kafka_version_str();
}
