/*
 * kafka_refusal.c
 *	  What librdkafka says when a broker and a client don't trust each other, or when the
 *	  client can't be made.
 *
 * Refuses nothing.  Texts are librdkafka's and OpenSSL's, which aren't translated; one that
 * isn't recognized is no refusal, and is tried again.
 */
#include "kafka_refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exit_codes.h"

/* From here on SCRAM sends the nonce that Kafka 4 insists on. */
#define SCRAM_VERSION_MIN 0x020601ff
#define REASON_SIZE 320

typedef struct CertificateProblem
{
	int x509_error;
	const char *words;
	const char *hint;
} CertificateProblem;

static const char ca_hint[] =
	"Name the CA that signed it with kafka.ssl.ca.location (or put it into kafka.ssl.ca.pem).";
static const char name_hint[] =
	"In kafka.bootstrap.servers and in the brokers' advertised.listeners, use a name that the "
	"certificate has, or give the broker one with this name.";
static const char renew_hint[] = "Give the broker a new certificate; look at both clocks.";

/* Numbers of X509_V_ERR_*. */
static const CertificateProblem problems[] = {
	{9, "it isn't valid yet", renew_hint},		  {10, "it has expired", renew_hint},
	{18, "it is self-signed", ca_hint},			  {19, "its CA isn't a trusted one", ca_hint},
	{20, "its CA isn't a trusted one", ca_hint},  {21, "its CA isn't a trusted one", ca_hint},
	{23, "it was revoked", renew_hint},			  {62, "it is for another host name", name_hint},
	{64, "it is for another address", name_hint},
};

static const CertificateProblem *
find_problem(const char *words)
{
	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++)
	{
		if (strcmp(problems[i].words, words) == 0)
			return &problems[i];
	}
	return NULL;
}

const char *
kafka_certificate_problem(int x509_error)
{
	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++)
	{
		if (problems[i].x509_error == x509_error)
			return problems[i].words;
	}
	return "it can't be verified";
}

void
kafka_certificate_note(char kept[KAFKA_CERTIFICATE_TEXT], const char *facility, const char *text)
{
	static const char before[] = "callback failed: ";
	const char *words = strstr(text, before);

	if (strcmp(facility, "SSLCERTVRFY") == 0 && words != NULL)
		snprintf(kept, KAFKA_CERTIFICATE_TEXT, "%s", words + strlen(before));
}

const char *
kafka_text(const char *text, char room[KAFKA_TEXT_SIZE])
{
	/* Behind them stand a word of it, or all of its rest. */
	static const char *const before[] = {"sasl.oauthbearer.config", "SASL/OAUTHBEARER extension"};

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
	{
		const char *found = strstr(text, before[i]);

		if (found == NULL)
			continue;
		snprintf(room, KAFKA_TEXT_SIZE, "%.*s: the rest isn't shown",
				 (int) (found - text + (ptrdiff_t) strlen(before[i])), text);
		return room;
	}
	return text;
}

/* Without "(after 300ms in state AUTH_REQ)". */
static void
shorten(const char *text, char reason[REASON_SIZE])
{
	char room[KAFKA_TEXT_SIZE];
	char *end;

	snprintf(reason, REASON_SIZE, "%s", kafka_text(text, room));
	end = strstr(reason, " (after ");
	if (end != NULL)
		*end = '\0';
}

static bool
refuse_certificate(Error *error, const char *certificate)
{
	const CertificateProblem *problem = find_problem(certificate);

	error_permanent(error, EXIT_PERMISSION, "the broker's certificate can't be trusted: %s",
					*certificate != '\0' ? certificate : "it can't be verified");
	return error_hint(error, "%s",
					  problem != NULL ? problem->hint
									  : "Its CA has to be in kafka.ssl.ca.location, its name the "
										"one in kafka.bootstrap.servers and in the brokers' "
										"advertised.listeners, and its time not over.");
}

static bool
refuse_login(Error *error, const char *reason, uint32_t library_version)
{
	error_permanent(error, EXIT_PERMISSION, "Kafka refused the login: %s", reason);
	if (strstr(reason, "mechanism handshake failed") != NULL)
		return error_hint(error, "Set kafka.sasl.mechanism to one that this listener has, and "
								 "kafka.security.protocol to its protocol.");
	if (strstr(reason, "SCRAM") != NULL && library_version < SCRAM_VERSION_MIN)
		return error_hint(
			error,
			"librdkafka %u.%u.%u can't do SCRAM with Kafka 4 and later: take 2.6.1 or "
			"later, or PLAIN over TLS, or a client certificate. With an older Kafka: "
			"see kafka.sasl.username and kafka.sasl.password.",
			library_version >> 24, library_version >> 16 & 0xff, library_version >> 8 & 0xff);
	return error_hint(error, "See kafka.sasl.username, kafka.sasl.password and "
							 "kafka.sasl.mechanism.");
}

/* Alerts that a broker sends because of our certificate. */
static bool
is_client_certificate(const char *text)
{
	const char *alert = strstr(text, "SSL alert number ");

	return alert != NULL && (strstr(text, "certificate") != NULL || strstr(text, "unknown ca"));
}

bool
kafka_refusal(Error *error, KafkaTrouble trouble, const char *text, const char *certificate,
			  uint32_t library_version)
{
	char reason[REASON_SIZE];

	shorten(text, reason);
	switch (trouble)
	{
		case KAFKA_TROUBLE_AUTHENTICATION:
			(void) refuse_login(error, reason, library_version);
			return true;
		case KAFKA_TROUBLE_SSL:
		case KAFKA_TROUBLE_TRANSPORT:
			if (strstr(reason, "certificate verify failed") != NULL)
			{
				(void) refuse_certificate(error, certificate);
				error_detail(error, "%s", reason);
				return true;
			}
			if (!is_client_certificate(reason))
				return false;
			error_permanent(error, EXIT_PERMISSION,
							"Kafka refused this client's certificate, or asks for one");
			error_detail(error, "%s", reason);
			error_hint(error, "See kafka.ssl.certificate.location and kafka.ssl.key.location: the "
							  "certificate has to be of a CA that the broker trusts.");
			return true;
		default:
			return false;
	}
}

void
kafka_complaint_kind(const char *text, char *kind, size_t size)
{
	static const char thread[] = "[thrd:";
	static const char bootstrap[] = "/bootstrap: ";
	const char *behind = strncmp(text, thread, strlen(thread)) == 0 ? strstr(text, "]: ") : NULL;
	char *at;

	snprintf(kind, size, "%s", behind != NULL ? behind + strlen("]: ") : text);
	at = strstr(kind, " (after ");
	if (at != NULL)
		*at = '\0';
	at = strstr(kind, bootstrap);
	if (at != NULL)
		memmove(at + 1, at + strlen(bootstrap) - 2, strlen(at + strlen(bootstrap) - 2) + 1);
}

/* What the library reads when a client is made, and complains of without a name. */
static const char *const file_properties[] = {
	"ssl.ca.location",	"ssl.certificate.location", "ssl.key.location",
	"ssl.crl.location", "ssl.keystore.location",
};

/* 0, or why it can't be. */
static int
open_problem(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

bool
kafka_setup_refusal(Error *error, const char *reason, KafkaPropertyFn get, void *conf)
{
	char room[KAFKA_TEXT_SIZE];

	error_permanent(error, EXIT_CONFIG, "could not set up the Kafka client: %s",
					kafka_text(reason, room));
	for (size_t i = 0; i < sizeof(file_properties) / sizeof(file_properties[0]); i++)
	{
		const char *name = file_properties[i];
		char path[512];
		int problem;

		/* "probe" is no file: the library looks for the system's. */
		if (!get(conf, name, path, sizeof(path)) || path[0] == '\0' || strcmp(path, "probe") == 0)
			continue;
		problem = open_problem(path);
		if (problem != 0)
		{
			error_permanent(error, EXIT_CONFIG,
							"could not set up the Kafka client: the file \"%s\" of \"kafka.%s\" "
							"could not be opened: %s",
							path, name, strerror(problem));
			return error_hint(error, problem == EACCES
										 ? "Let the user that this program runs as read it."
										 : "Put the file there, or name another one.");
		}
		if (strncmp(reason, name, strlen(name)) == 0)
			error_detail(error, "\"kafka.%s\" is \"%s\".", name, path);
	}
	return false;
}
