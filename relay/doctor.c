/*
 * doctor.c
 *	  outbox-relay doctor: looks at everything, then judges.
 *
 * Refuses nothing: what can't be looked at is a finding.
 */
#include "doctor.h"

#include "doctor_broker.h"
#include "doctor_server.h"
#include "exit_codes.h"
#include "kafka_doctor.h"
#include "kafka_doctor_position.h"
#include "pg_doctor.h"

#include <stdlib.h>

#define SERVERS_MAX 1024

/* What a relay that starts asks Kafka before all else, when transactions are in use. */
static void
look_at_delivery(const RelayConfig *config, const ServerFacts *server, const TopicFacts *position,
				 DoctorReport *report)
{
	DeliveryLook look = {.exactly_once = config->exactly_once};

	error_clear(&look.error);
	if (!doctor_delivery_matters(server, &look))
		return;
	if (position->partitions > 0 || position->error.error_class != ERROR_CLASS_NONE)
		kafka_doctor_position(config, server->relay.source_id, &look);
	doctor_check_delivery(server, &look, doctor_report_add, report);
}

int
doctor_run(const RelayConfig *config, const DoctorRequest *request, FILE *out)
{
	char servers[SERVERS_MAX];
	DoctorSetup setup = {.config_file = request->config_file,
						 .slot = config->slot,
						 .publication = config->publication,
						 .kafka_servers = servers,
						 .dead_letters = config->poison_policy == POISON_DEAD_LETTER};
	BrokerFacts broker = {.max_event_bytes = EVENT_BYTES_UNKNOWN,
						  .create_topics = config->create_topics,
						  .topic_partitions = config->topic_partitions,
						  .topic_replicas = config->topic_replication_factor,
						  .exactly_once = config->exactly_once};
	ServerFacts *server = calloc(1, sizeof(*server));
	DoctorReport *report = doctor_report_create(request->json, out);
	int status = EXIT_BUG;

	snprintf(broker.position.name, sizeof(broker.position.name), "%s", config->position_topic);
	if (!finding_shell_word(options_text(config->options, "kafka.bootstrap.servers"), servers,
							sizeof(servers)))
		snprintf(servers, sizeof(servers), "\"$KAFKA_SERVERS\""); /* too many for a line */
	if (server != NULL && report != NULL)
	{
		pg_doctor_look(config, server, &broker);
		kafka_doctor_look(config, &broker);
		doctor_check_server(server, &setup, doctor_report_add, report);
		doctor_check_broker(&broker, &setup, doctor_report_add, report);
		if (broker.reach.error_class == ERROR_CLASS_NONE)
			look_at_delivery(config, server, &broker.position, report);
	}
	if (report != NULL)
		status = doctor_report_finish(report) > 0 ? EXIT_FINDINGS : EXIT_OK;
	free(broker.topics);
	free(server);
	return server != NULL ? status : EXIT_BUG;
}
