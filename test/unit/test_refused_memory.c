/*
 * test_refused_memory.c
 *	  Parts of the programs again and again, with another allocation refused each time: they go on or fail
 *	  with an error that says so, and nothing is left behind.
 *
 * What relay_step() and consumer_step() do is tried by the simulations (sim --refuse); here is what they
 * replace, and what is done once: settings, handlers, routing, and statements of the registration.
 */
#include "unit.h"

#include "consumer_options.h"
#include "handlers.h"
#include "pg_registry.h"
#include "relay_options.h"
#include "route.h"
#include "short_memory.h"
#include "wire.h"

#include <sys/socket.h>
#include <sys/un.h>

#define RUNS_MAX 20000

typedef bool (*Part)(Error *error);

/* false: it came to its end before that allocation. */
static bool
refuse(Part part, uint64_t number)
{
	int64_t held = short_memory_held();
	bool refused;
	Error error;
	bool ok;

	error_clear(&error);
	short_memory_begin(number);
	ok = part(&error);
	refused = short_memory_refused();
	short_memory_begin(0);
	if (short_memory_held() != held)
		fail_msg("allocation %llu: %lld blocks were left behind", (unsigned long long) number,
				 (long long) (short_memory_held() - held));
	if (!refused && !ok)
		fail_msg("it failed by itself: %s", error.message);
	if (!ok && (error.error_class != ERROR_CLASS_BUG || strstr(error.message, "memory") == NULL))
		fail_msg("allocation %llu: it failed with \"%s\" (%s)", (unsigned long long) number,
				 error.message, error_class_name(error.error_class));
	return refused;
}

static void
refuse_each(Part part, uint64_t at_least)
{
	uint64_t number = 1;

	while (refuse(part, number))
		assert_true(++number < RUNS_MAX);
	/* It did what it is to do. */
	assert_true(number > at_least);
}

/* -------------------------------------------------------------------------
 * settings
 * -------------------------------------------------------------------------
 */

static bool
no_memory(Error *error)
{
	return error_bug(error, "out of memory");
}

static bool
load(const OptionTable *table, char **given, int count, char **envp, Options **options,
	 Error *error)
{
	char words[8][160];
	char *argv[9] = {NULL};
	const char *path;
	int argc = count;

	/* Secrets are overwritten there. */
	for (int i = 0; i < count; i++)
	{
		snprintf(words[i], sizeof(words[i]), "%s", given[i]);
		argv[i] = words[i];
	}
	*options = options_create(table);
	if (*options == NULL)
		return no_memory(error);
	return options_load(*options, &argc, argv, envp, &path, error);
}

static char file_path[] = "/tmp/test_refused_memory-XXXXXX";
static char secret_word[160];

static char *relay_words[] = {"outbox-relay",
							  "--kafka.client.rack=there",
							  "--postgres.slot=here",
							  "--postgres.conninfo=dbname=x",
							  secret_word,
							  "--route.topic.regex=(.*)-v[0-9]+",
							  "--route.topic.replacement=t.$1",
							  "--table.fields.additional.placement=tenant:header:t"};
static char *environment[] = {"OUTBOX_RELAY_KAFKA_BOOTSTRAP_SERVERS=here:1",
							  "OUTBOX_RELAY_LOG_LEVEL=debug", NULL};

static bool
relay_settings(Error *error)
{
	Options *options = NULL;
	RelayConfig config;
	bool ok =
		load(&relay_option_table, relay_words, LENGTH(relay_words), environment, &options, error) &&
		relay_config_fill(&config, options, error);

	options_free(options);
	return ok;
}

/* A file of this text. */
static void
make_file(const char *text)
{
	int fd;

	snprintf(file_path, sizeof(file_path), "/tmp/test_refused_memory-XXXXXX");
	fd = mkstemp(file_path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
settings_of_a_relay(void **state)
{
	(void) state;
	make_file("secret");
	snprintf(secret_word, sizeof(secret_word), "--postgres.password_file=%s", file_path);
	refuse_each(relay_settings, 100);
	unlink(file_path);
}

static const char file_text[] =
	"[consumer]\n"
	"group = g\n"
	"[kafka]\n"
	"bootstrap.servers = here:1\n"
	"[handler a]\n"
	"sql = INSERT INTO a SELECT key, payload->>'x' FROM batch_latest WHERE event_time IS NOT NULL\n"
	"dedupe = id\n"
	"[handler b]\n"
	"topic = ^b\\.[a-z]+$\n"
	"sql = SELECT f(key, payload) FROM batch\n"
	"payload = jsonb\n"
	"on_error = stop\n";

static bool
consumer_settings(Error *error)
{
	char path[160];
	char *words[] = {"outbox-consumer", path};
	char *none[] = {NULL};
	Options *options = NULL;
	ConsumerConfig config;
	Handlers handlers;
	int topic;
	bool ok;

	snprintf(path, sizeof(path), "--config=%s", file_path);
	handlers_init(&handlers);
	ok = load(&consumer_option_table, words, LENGTH(words), none, &options, error) &&
		 consumer_config_fill(&config, options, error) &&
		 handlers_load(&handlers, options, error) &&
		 handlers_subscribe(&handlers, config.dead_letter_topic, error) &&
		 handlers_meet(&handlers, "b.more", &topic, error) &&
		 handlers_meet(&handlers, "b.evenmore", &topic, error);
	handlers_free(&handlers);
	options_free(options);
	return ok;
}

static void
settings_and_handlers_of_a_consumer(void **state)
{
	(void) state;
	make_file(file_text);
	refuse_each(consumer_settings, 100);
	unlink(file_path);
}

/* -------------------------------------------------------------------------
 * routing
 * -------------------------------------------------------------------------
 */

static bool
fill_map(TopicMap *map, Error *error)
{
	char name[32];

	for (int i = 0; i < 200; i++)
	{
		snprintf(name, sizeof(name), "t.%d", i);
		if (!topic_map_add(map, name, 3, error))
			return false;
	}
	return topic_map_add(map, "t.ride", 3, error);
}

static bool
route(Error *error)
{
	static const char headers[] = "{\"tenant\": \"acme\", \"more\": \"x\"}";
	RouteSettings settings = {.by_field = "aggregatetype",
							  .regex = "(.*)-v[0-9]+",
							  .replacement = "t.$1",
							  .placement = "tenant:header:t,type:envelope",
							  .expansion = EXPAND_COMPACT};
	OutboxEvent event = {.aggregate_type = view_of("ride-v1"),
						 .aggregate_id = view_of("r-1"),
						 .type = view_of("started"),
						 .payload = view_of("{\"a\": [1, 2, {\"b\": null}]}"),
						 .headers = view_of(headers),
						 .position = {2, 3, 0x16B374D8, 41}};
	TopicMap *map = topic_map_create();
	Router *router = NULL;
	RoutedEvent routed;
	bool ok = map != NULL || no_memory(error);

	ok = ok && fill_map(map, error);
	if (ok)
		router = router_create_with(&settings, "ride-7f3a", map, error);
	ok = router != NULL && router_route(router, &event, &routed, error) == ROUTE_OK;
	router_free(router);
	topic_map_free(map);
	return ok;
}

static void
a_route(void **state)
{
	(void) state;
	refuse_each(route, 200);
}

/* -------------------------------------------------------------------------
 * statements
 * -------------------------------------------------------------------------
 */

static char socket_directory[] = "/tmp/test_refused_memory-XXXXXX";

static Poison
poison(void)
{
	Poison poison = {.event = {.aggregate_type = view_of("ride"),
							   .aggregate_id = view_of("r-1"),
							   .type = view_of("started"),
							   .payload = view_of("{}"),
							   .headers = view_of("{\"a\": \"b\"}")},
					 .has_topic = true,
					 .topic = "t"};

	error_permanent(&poison.error, 1, "too large");
	return poison;
}

static bool
statements(Error *error)
{
	MarkRequest mark = {.generation = 1,
						.mark_lsn = 1,
						.last_position = "a/1.1/0/1/0",
						.heartbeat_snapshot = "1:1:"};
	RelayConfig config = {.slot = "s", .publication = "p"};
	Poison dead = poison();
	char conninfo[128];
	PgRegistry *registry;
	bool ok;

	snprintf(conninfo, sizeof(conninfo), "host=%s dbname=x user=x", socket_directory);
	config.conninfo = conninfo;
	registry = registry_open(&config, 0, error);
	if (registry == NULL)
		return false;
	ok = registry_ask_facts(registry) && registry_mark(registry, &mark) &&
		 registry_record_topic(registry, 1, "t", 3) && registry_record_routing(registry, 1, "{}") &&
		 registry_read_leaf(registry, 1, 2, 3, 4) && registry_heartbeat(registry) &&
		 registry_dead_letter(registry, &dead, LETTER_AS_IT_IS) &&
		 registry_dead_letter(registry, &dead, LETTER_BYTES);
	registry_free(registry);
	return ok || no_memory(error);
}

/* A server that takes connections and says nothing is enough to send to. */
static void
statements_of_the_registration(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void) state;
	assert_non_null(mkdtemp(socket_directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/.s.PGSQL.5432", socket_directory);
	assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1000), 0);
	refuse_each(statements, 30);
	close(fd);
	unlink(address.sun_path);
	rmdir(socket_directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_of_a_relay),
		cmocka_unit_test(settings_and_handlers_of_a_consumer),
		cmocka_unit_test(a_route),
		cmocka_unit_test(statements_of_the_registration),
	};

	return cmocka_run_group_tests_name("no_memory", tests, NULL, NULL);
}
