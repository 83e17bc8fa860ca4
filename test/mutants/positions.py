"""The rules that make one comparison per partition safe, each taken out in as many ways as it can be broken.

    mutant(name, rule, file, old, new, unit="program:case" | e2e="file.py::test"[, quick=True])

"old" stands in the file exactly once; "unit" and "e2e" name a test that must fail when "new" stands in its place.
quick: one of each rule, in `make check`.  What runs them: scripts/mutants.
"""
MUTANTS = []
RULES = {
    "place": "where an event goes is a pure function: murmur2 of key or id over the recorded count, an explicit partition",
    "count": "counts are recorded when a topic is first used, and a topic that grew keeps its own",
    "map": "settings that decide the place are recorded; another map comes after a drain, alone, as another generation",
    "holes": "no holes: after any failure stop, and go on at the first unacknowledged event with a new producer",
    "lone": "only a lone message that is certainly not persisted may be dead-lettered",
    "ordinal": "the ordinal counts every event of the transaction, before any filter",
    "epoch": "the epoch is generation and timeline of the commit's WAL, compared before the LSN",
    "tail": "no start while Kafka holds a position of this epoch that the server hasn't come to",
    "flagged": "what is sent out of order on purpose has no position to go by",
    "order": "first occurrences stand in commit order",
    "reader": "a reader drops what is at or below the highest position of its source, topic and partition",
}


def mutant(name, rule, file, old, new, unit=None, e2e=None, quick=False):
    assert rule in RULES and (unit is None) != (e2e is None), name
    assert all(m["name"] != name for m in MUTANTS), name
    MUTANTS.append(dict(name=name, rule=rule, file=file, old=old, new=new, unit=unit, e2e=e2e, quick=quick))


# -- where an event goes ------------------------------------------------------

mutant("place-crc32", "place", "relay/kafka_partition.c",
       "return rd_kafka_msg_partitioner_murmur2(", "return rd_kafka_msg_partitioner_consistent(",
       unit="test_place:keys_lie_where_java_clients_put_them")
mutant("place-over-another-count", "place", "relay/kafka_partition.c",
       "(int32_t) event->partition_count, NULL, NULL)", "(int32_t) event->partition_count + 1, NULL, NULL)",
       unit="test_place:keys_lie_where_java_clients_put_them")
mutant("place-left-to-the-library", "place", "relay/kafka_sink_messages.c",
       "fields[n++].u.i32 = message->partition;", "fields[n++].u.i32 = RD_KAFKA_PARTITION_UA;",
       e2e="test_positions.py::test_a_topic_that_grows_between_a_crash_and_the_next_start")
mutant("place-without-key-by-null", "place", "relay/route.c",
       "routed->partition_key = key.text.data != NULL ? key.text : view_of(router->texts.id);",
       "routed->partition_key = key.text.data != NULL ? key.text : view_of(\"\");",
       unit="test_route:null_columns", quick=True)
mutant("place-ignores-a-given-partition", "place", "relay/kafka_partition.c",
       "if (event->partition != PARTITION_BY_KEY)", "if (event->partition == -2)",
       unit="test_place:a_given_partition_is_taken", quick=True)

# -- recorded counts ------------------------------------------------------------

mutant("count-changes", "count", "relay/topic_map.c",
       "return recorded == partitions ||", "map->topics[map->slots[slot] - 1].partitions = partitions;\n\t\treturn true ||",
       unit="test_topic_map:a_count_never_changes", quick=True)
mutant("count-shrinks", "count", "relay/relay_check.c",
       "if (present >= recorded)", "if (present > 0)",
       unit="test_relay_check:keeps_recorded_partition_counts", quick=True)
mutant("count-the-last-wins", "count", "relay/pg_registry_sql.h",
       "ON CONFLICT (slot_name, topic) DO NOTHING RETURNING partitions",
       "ON CONFLICT (slot_name, topic) DO UPDATE SET partitions = EXCLUDED.partitions RETURNING partitions",
       e2e="test_positions.py::test_the_first_recorded_count_stays")

# -- the recorded map, and another one ------------------------------------------

mutant("map-other-settings-start", "map", "relay/relay_routing.c",
       "ok = route_record_make(&mine, &relay->config->route, error) &&", "ok = route_record_make(&mine, &relay->config->route, error) ||",
       e2e="test_positions.py::test_repartition_between_a_crash_and_the_next_start[key]")
mutant("map-ignores-the-key", "map", "relay/route_record.c",
       "keep(record, RECORD_KEY, is_set(settings->key) ? settings->key : KEY_DEFAULT, error)",
       "keep(record, RECORD_KEY, KEY_DEFAULT, error)",
       unit="test_route_record:what_moves_events_differs", quick=True)
mutant("map-ignores-the-partition", "map", "relay/route_record.c",
       "if ((item->kind == PLACE_PARTITION) != partition)", "if (partition || item->kind == PLACE_PARTITION)",
       unit="test_route_record:what_moves_events_differs")
mutant("map-ignores-the-expression", "map", "relay/route_record.c",
       "keep(record, RECORD_REGEX, by_expression ? regex : \"\", error)",
       "keep(record, RECORD_REGEX, by_expression ? TOPIC_REGEX_DEFAULT : \"\", error)",
       unit="test_route_record:what_moves_events_differs")
mutant("map-ignores-the-field", "map", "relay/route_record.c",
       "is_set(settings->by_field) ? settings->by_field : TOPIC_FIELD_DEFAULT, error)",
       "TOPIC_FIELD_DEFAULT, error)",
       unit="test_route_record:what_moves_events_differs")
mutant("map-drained-by-the-new-one", "map", "relay/repartition.c",
       "if (!route_record_apply(&repartition->recorded,", "if (!route_record_apply(&repartition->wanted,",
       e2e="test_positions.py::test_repartition_between_a_crash_and_the_next_start[key]")
mutant("map-not-drained", "map", "relay/repartition.c",
       "if (!drain(repartition, error) ||", "repartition->target = repartition->facts.mark_lsn;\n\tif (",
       e2e="test_positions.py::test_repartition_between_a_crash_and_the_next_start[count]")
mutant("map-drained-too-little", "map", "relay/repartition.c",
       "return status->confirmed >= repartition->target;", "return true;",
       e2e="test_positions.py::test_repartition_between_a_crash_and_the_next_start[count]")
mutant("map-of-the-same-generation", "map", "relay/pg_repartition.c",
       "UPDATE outbox.relay SET generation = generation + 1, routing = $3", "UPDATE outbox.relay SET routing = $3",
       e2e="test_repartition.py::test_a_topic_that_grew")
mutant("map-not-alone", "map", "relay/pg_repartition.c",
       "if (!pg_command_only(&repartition->link, \"lock the registration\", SQL_TAKE_REGISTRATION,",
       "if (!pg_command_only(&repartition->link, \"lock the registration\", \"SELECT $1::text\",",
       e2e="test_repartition.py::test_relays_that_are_started_meanwhile_wait")
mutant("map-beside-a-walsender", "map", "relay/pg_repartition.c",
       "active = PQntuples(result) > 0;", "active = false;",
       e2e="test_repartition.py::test_it_needs_the_slot_to_itself")
mutant("map-without-the-marks", "map", "relay/repartition.c",
       "if (!status.drained || repartition->target == LSN_INVALID ||\n\t\tstatus.durable < repartition->target)",
       "if (repartition->target == LSN_INVALID)",
       e2e="test_repartition.py::test_a_drain_that_is_not_marked_changes_nothing")

# -- no holes -------------------------------------------------------------------

mutant("holes-messages-time-out", "holes", "relay/kafka_conf.c",
       "{\"message.timeout.ms\", \"0\"},", "{\"message.timeout.ms\", \"1000\"},",
       unit="test_kafka_faults:answers_slower_than_every_timeout")
mutant("holes-the-first-not-alone", "holes", "relay/kafka_sink.c",
       "if (!kafka_sink_may_follow(run, sink->now))",
       "if (sink->failed && !kafka_sink_may_follow(run, sink->now))",
       unit="test_kafka_refusals:the_first_message_of_a_producer_goes_alone")
mutant("holes-hearsay-is-held", "holes", "relay/kafka_sink_messages.c",
       "run_of(sink, &message)->open)", "run_of(sink, &message) != NULL)",
       unit="test_kafka_refusals:the_first_one_to_a_partition_is_refused_at_once")
mutant("holes-a-large-one-overtakes", "holes", "relay/kafka_sink_messages.c",
       "else if (kafka_sink_let_go(sink, true) == IO_OK)", "else",
       unit="test_kafka_refusals:what_is_large_goes_at_once")
mutant("holes-the-pump-goes-on", "holes", "relay/pump_settle.c",
       "\tpump->failed = true;\n\tpump->failure", "\tpump->failed = false;\n\tpump->failure",
       unit="test_pump:resumes_at_the_first_unsettled_event_after_a_failure", quick=True)
mutant("holes-a-failure-settles", "holes", "relay/pump_settle.c",
       "\t\ttake_failure(pump, delivery);\n\t\treturn;\n", "\t\ttake_failure(pump, delivery);\n",
       unit="test_pump:resumes_at_the_first_unsettled_event_after_a_failure")
mutant("holes-resumes-behind-it", "holes", "relay/pump_session.c",
       "point = (StreamPoint){now.commit_lsn, now.ordinal};", "point = (StreamPoint){now.commit_lsn, now.ordinal + 1};",
       unit="test_pump:resumes_at_the_first_unsettled_event_after_a_failure")
mutant("holes-confirmed-past-the-open-one", "holes", "relay/window.c",
       "if (first->end_lsn == LSN_INVALID || first->unsettled > 0)", "if (first->end_lsn == LSN_INVALID)",
       unit="test_window:confirms_the_settled_prefix_alone")
mutant("holes-idle-past-what-is-in-flight", "holes", "relay/window.c",
       "if (window_is_idle(window) && wal_end > window->confirmed)", "if (wal_end > window->confirmed)",
       unit="test_window:an_idle_position_counts_when_nothing_is_open")
mutant("holes-keepalive-amid-a-transaction", "holes", "relay/pump.c",
       "\t\tif (!pump->in_transaction)\n\t\t\twindow_idle_at", "\t\twindow_idle_at",
       unit="test_pump:takes_no_keepalive_in_a_suppressed_transaction")
mutant("holes-not-careful-to-the-last", "holes", "relay/pump_settle.c",
       "if (of_the_event && point_before(pump->careful_until, point))", "if (of_the_event && pump->careful_until.commit_lsn == LSN_INVALID)",
       unit="test_pump:finds_the_culprit_of_a_failed_batch")
mutant("holes-not-careful", "holes", "relay/pump.c",
       "if (window_unacknowledged(pump->window) > 0)\n\t\treturn false;\n\tif (point_before(pump->careful_until, point))",
       "if (point_before(pump->careful_until, point))",
       unit="test_pump:finds_the_culprit_of_a_failed_batch")
mutant("holes-a-stream-with-events-in-flight", "holes", "relay/pump_session.c",
       "if (window_events(pump->window) > 0)\n\t\treturn error_bug(error, \"a stream was started with events in flight\");",
       "",
       unit="test_pump:refuses_a_new_stream_with_events_in_flight")

# -- only a lone one may be given up --------------------------------------------

mutant("lone-of-several", "lone", "relay/pump_settle.c",
       "of_the_event && delivery->token != 0 && window_unacknowledged(pump->window) == 1 &&\n\t\t\t\t delivery->certainly_not_persisted;",
       "of_the_event && delivery->certainly_not_persisted;",
       unit="test_pump:finds_the_culprit_of_a_failed_batch")
mutant("lone-maybe-persisted", "lone", "relay/pump_settle.c",
       "of_the_event && delivery->token != 0 && window_unacknowledged(pump->window) == 1 &&\n\t\t\t\t delivery->certainly_not_persisted;",
       "of_the_event && delivery->token != 0 && window_unacknowledged(pump->window) == 1;",
       unit="test_pump_poison:buries_nothing_that_may_have_been_persisted", quick=True)
mutant("lone-always-certain", "lone", "relay/kafka_sink.c",
       "rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;", "true;",
       unit="test_kafka_refusals:what_may_be_persisted_is_no_poison")
mutant("lone-before-those-in-flight", "lone", "relay/pump.c",
       "if (verdict != PUMP_MORE)\n\t\treturn verdict;\n\tevent_trace_fill(", "(void) verdict;\n\tevent_trace_fill(",
       unit="test_pump_poison:waits_for_what_is_in_flight_before_it")
mutant("lone-receipt-of-another", "lone", "relay/pump_settle.c",
       "if (position_compare(&receipt->position, &pump->poison.event.position) != 0 ||", "if (",
       unit="test_pump_poison:refuses_the_receipt_of_another_event")

# -- ordinals -------------------------------------------------------------------

mutant("ordinal-of-messages-that-are-taken", "ordinal", "relay/assemble.c",
       "\t\tassembler->next_ordinal++;\n\t\treturn true;", "\t\treturn true;",
       unit="test_assemble:messages_that_are_not_taken_are_counted", quick=True)
mutant("ordinal-goes-on", "ordinal", "relay/assemble.c",
       "\tassembler->next_ordinal = 0;\n\tout->kind = ASSEMBLED_BEGIN;", "\tout->kind = ASSEMBLED_BEGIN;",
       unit="test_assemble:random_orders_keep_the_ordinals")
mutant("ordinal-of-what-is-no-event", "ordinal", "relay/assemble.c",
       ".ordinal = assembler->next_ordinal++};", ".ordinal = out->event.problem == NULL ? assembler->next_ordinal++ : assembler->next_ordinal};",
       unit="test_assemble:gives_messages_that_cannot_be_decoded_with_their_problem")

# -- epochs ---------------------------------------------------------------------

mutant("epoch-without-generation", "epoch", "common/position.c",
       "if (a->generation != b->generation)", "if (false)",
       unit="test_position:orders_by_epoch_then_lsn_then_ordinal", quick=True)
mutant("epoch-without-timeline", "epoch", "common/position.c",
       "if (a->timeline != b->timeline)", "if (false)",
       unit="test_position:orders_by_epoch_then_lsn_then_ordinal")
mutant("epoch-lsn-first", "epoch", "common/position.c",
       "\tif (a->generation != b->generation)", "\tif (a->commit_lsn != b->commit_lsn)\n\t\treturn a->commit_lsn < b->commit_lsn ? -1 : 1;\n\tif (a->generation != b->generation)",
       unit="test_position:orders_by_epoch_then_lsn_then_ordinal")
mutant("epoch-of-today", "epoch", "relay/timeline.c",
       "return i == history->count ? history->current : history->entries[i].timeline;", "return i >= 0 ? history->current : 0;",
       unit="test_assemble:the_timeline_is_that_of_the_commit")
mutant("epoch-switch-belongs-to-the-old-one", "epoch", "relay/timeline.c",
       "lsn < history->entries[i - 1].end_lsn", "lsn <= history->entries[i - 1].end_lsn",
       unit="test_timeline:a_switch_position_belongs_to_the_later_timeline")

# -- Kafka's tail ---------------------------------------------------------------

mutant("tail-same-epoch", "tail", "relay/relay_check.c",
       "if (tail->generation == generation && tail->timeline == timeline && tail->commit_lsn >= flushed)", "if (false)",
       unit="test_relay_check:refuses_a_kafka_that_is_ahead", quick=True)
mutant("tail-later-epoch", "tail", "relay/relay_check.c",
       "if (tail->generation > generation ||\n\t\t(tail->generation == generation && tail->timeline > timeline))", "if (false)",
       unit="test_relay_check:refuses_a_kafka_that_is_ahead")
mutant("tail-not-looked-at", "tail", "relay/relay_compare.c",
       "if (relay->tail_is_known)\n\t\treturn true;", "if (topic_map_count(relay->topics) < 1000)\n\t\treturn true;",
       e2e="test_gap.py::test_kafka_is_ahead_of_the_server")
mutant("tail-hidden-by-others", "tail", "relay/kafka_tail.c",
       "place->again = !place->ours;", "place->again = false;",
       e2e="test_gap.py::test_kafka_is_ahead_of_the_server")

mutant("tail-hidden-by-repetitions", "tail", "relay/relay_compare.c",
       "return since_ms > 0 ? since_ms : 1;", "return since_ms < 0 ? 1 : 0;",
       e2e="test_exactly_once_start.py::test_repetitions_hide_no_event_behind_the_mark")

# -- flagged events -------------------------------------------------------------

mutant("flagged-with-a-position", "flagged", "relay/route_headers.c",
       "if (event->replayed.data == NULL)\n\t{\n\t\t*next", "if (event->replayed.len < 1000)\n\t{\n\t\t*next",
       unit="test_cloudevents:a_replayed_event_has_no_position", quick=True)
mutant("flagged-by-the-writer", "flagged", "relay/route_headers.c",
       "(event->replayed.data != NULL &&", "(event->replayed.len > 1000 &&",
       unit="test_cloudevents:a_replayed_event_has_no_position")

# -- order ----------------------------------------------------------------------

mutant("order-forgets-where-it-was", "order", "relay/pump.c",
       "if (pump->suppressed || point_before(point, pump->resume))", "if (pump->suppressed)",
       unit="test_pump:resumes_at_the_first_unsettled_event_after_a_failure")
mutant("order-goes-back", "order", "relay/pump_session.c",
       "if (point_before(pump->resume, point))\n\t\tpump->resume = point;", "pump->resume = point;",
       unit="test_pump:keeps_the_later_of_two_resume_points", quick=True)
mutant("order-not-idempotent", "order", "relay/kafka_conf.c",
       "\"enable.gapless.guarantee\", \"true\"", "\"enable.idempotence\", \"false\"",
       unit="test_kafka_faults:errors_that_pass_leave_no_hole")
mutant("order-drops-what-is-held", "order", "relay/pump.c",
       "if (verdict != PUMP_MORE)\n\t\t\t{\n\t\t\t\tpump->listening = false;\n\t\t\t\treturn verdict;",
       "if (verdict != PUMP_MORE)\n\t\t\t{\n\t\t\t\tpump->listening = pump->held = false;\n\t\t\t\treturn verdict;",
       unit="test_pump:holds_what_finds_no_room")

# -- readers --------------------------------------------------------------------

mutant("reader-takes-the-same-again", "reader", "consumer/positions.c",
       "if (position_compare(position, &found->position) <= 0)", "if (position_compare(position, &found->position) < 0)",
       unit="test_positions:at_or_below_the_highest_is_a_repetition", quick=True)
mutant("reader-goes-back", "reader", "consumer/positions.c",
       "if (position_compare(position, &found->position) <= 0)", "if (position_compare(position, &found->position) == 0)",
       unit="test_positions:runs_that_overlap_give_each_event_once")
mutant("reader-mixes-sources", "reader", "consumer/positions.c",
       "if (strcmp(set->items[i].source_id, source_id) == 0)", "if (set->items[i].source_id != source_id)",
       unit="test_positions:sources_do_not_know_each_other")
mutant("reader-keeps-the-first", "reader", "consumer/positions.c",
       "\t\tfound->position = *position;\n\t\treturn POSITION_NEW;\n\t}\n\tif", "\t\treturn POSITION_NEW;\n\t}\n\tif",
       unit="test_positions:runs_that_overlap_give_each_event_once")
mutant("reader-forgets-at-a-restart", "reader", "consumer/consumer_progress.c",
       "\tpartition->seen = partition->read_positions;\n", "",
       e2e="test_positions.py::test_several_databases_into_the_same_topics[one cluster]")
mutant("reader-takes-repetitions", "reader", "consumer/consumer_read.c",
       "\t\t\tto->repeated = by_position;\n\t\t\tbreak;", "\t\t\tbreak;",
       unit="test_consumer_judge:by_position")
