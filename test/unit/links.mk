# What a unit test links besides build/lib/libcommon.a:
#
#	LINK_<test> = objects, named as their source folder: relay/window.o
#	PKGS_<test> = pkg-config names of libraries, if any
#
# <test> is the file without ".c" ("test_window").  One line each, sorted.

ROUTER = relay/route.o relay/route_headers.o relay/route_rules.o relay/topic_rule.o relay/topic_regex.o relay/topic_map.o \
	relay/placement.o relay/field.o relay/envelope_json.o relay/json_compact.o relay/event_time.o relay/flat_json.o

LINK_test_assemble = relay/assemble.o relay/relcache.o relay/pgoutput.o relay/timeline.o relay/message.o
LINK_test_assemble_rows = relay/assemble.o relay/relcache.o relay/pgoutput.o relay/timeline.o relay/message.o
LINK_test_batch = consumer/batch.o
LINK_test_breaker = consumer/breaker.o
LINK_test_cloudevents = $(ROUTER)
LINK_test_command_args = relay/command_args.o
LINK_test_consumer_options = consumer/consumer_options.o consumer/breaker.o
LINK_test_consumer_stall = consumer/consumer.o consumer/consumer_apply.o consumer/consumer_lag.o consumer/consumer_places.o consumer/consumer_progress.o consumer/consumer_read.o consumer/batch.o consumer/breaker.o consumer/handlers.o consumer/handler_sql.o consumer/partitions.o consumer/pg_arrays.o consumer/positions.o consumer/retry.o consumer/sizer.o consumer/sql_scan.o consumer/sqlstate.o consumer/stats.o
LINK_test_debezium_messages = relay/assemble.o relay/relcache.o relay/pgoutput.o relay/timeline.o relay/message.o
LINK_test_debezium_router = $(ROUTER)
LINK_test_debezium_values = $(ROUTER)
LINK_test_doctor_broker = relay/doctor_broker.o relay/finding.o relay/relay_check.o
LINK_test_doctor_report = relay/doctor_report.o relay/finding.o
LINK_test_doctor_server = relay/doctor_server.o relay/doctor_connection.o relay/doctor_database.o relay/doctor_events.o relay/doctor_slot.o relay/doctor_standby.o relay/finding.o relay/relay_check.o relay/sync_names.o
LINK_test_doctor_slot = relay/doctor_server.o relay/doctor_connection.o relay/doctor_database.o relay/doctor_events.o relay/doctor_slot.o relay/doctor_standby.o relay/finding.o relay/relay_check.o relay/sync_names.o
LINK_test_event_time = relay/event_time.o
LINK_test_feedback = relay/feedback.o
LINK_test_finding = relay/finding.o
LINK_test_flat_json = relay/flat_json.o
LINK_test_handlers = consumer/handlers.o consumer/handler_sql.o consumer/sql_scan.o consumer/pg_arrays.o
LINK_test_heartbeat = relay/heartbeat.o
LINK_test_id_set = relay/id_set.o
LINK_test_json_compact = relay/json_compact.o
LINK_test_ledger = compare/ledger.o
LINK_test_load_schedule = compare/schedule.o compare/percentile.o compare/request_id.o compare/mode.o
LINK_test_location = compare/location.o
LINK_test_message = relay/message.o
LINK_test_partitions = consumer/partitions.o consumer/positions.o
LINK_test_peek_line = relay/peek_line.o
LINK_test_pg_arrays = consumer/pg_arrays.o consumer/pg_encode.o consumer/handlers.o consumer/handler_sql.o consumer/sql_scan.o consumer/batch.o
LINK_test_pg_error = relay/pg_error.o
LINK_test_pgoutput = relay/pgoutput.o
LINK_test_poison = relay/poison.o
LINK_test_positions = consumer/positions.o
LINK_test_pump = relay/pump.o relay/pump_marks.o relay/pump_session.o relay/pump_settle.o relay/poison.o relay/heartbeat.o relay/assemble.o relay/relcache.o relay/pgoutput.o relay/timeline.o relay/walframe.o relay/window.o relay/feedback.o $(ROUTER) relay/message.o
LINK_test_pump_poison = relay/pump.o relay/pump_marks.o relay/pump_session.o relay/pump_settle.o relay/poison.o relay/heartbeat.o relay/assemble.o relay/relcache.o relay/pgoutput.o relay/timeline.o relay/walframe.o relay/window.o relay/feedback.o $(ROUTER) relay/message.o
LINK_test_relay_check = relay/relay_check.o
LINK_test_relay_options = relay/relay_options.o $(ROUTER)
LINK_test_report = compare/report.o compare/report_json.o compare/timeline.o compare/sample.o compare/ledger.o compare/mode.o compare/compare_options.o compare/files.o
LINK_test_retry = consumer/retry.o
LINK_test_route = $(ROUTER)
LINK_test_route_faults = $(ROUTER) relay/poison.o
LINK_test_route_headers = $(ROUTER)
LINK_test_scrape = compare/scrape.o compare/http_client.o
LINK_test_select_args = relay/select_args.o relay/command_args.o
LINK_test_sizer = consumer/sizer.o
LINK_test_sql_scan = consumer/sql_scan.o
LINK_test_sqlstate = consumer/sqlstate.o
LINK_test_sync_names = relay/sync_names.o
LINK_test_timeline = relay/timeline.o
LINK_test_topic_map = relay/topic_map.o
LINK_test_topic_regex = relay/topic_regex.o
LINK_test_walframe = relay/walframe.o
LINK_test_walk = compare/walk.o compare/location.o
LINK_test_window = relay/window.o
LINK_test_window_model = relay/window.o
PKGS_test_doctor_report = jansson
PKGS_test_location = jansson
PKGS_test_log = jansson
PKGS_test_peek_line = jansson
PKGS_test_pg_error = libpq
PKGS_test_report = jansson
PKGS_test_walk = jansson
