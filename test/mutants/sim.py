"""Rules of the window, of feedback and of positions, each broken so that only a run of the whole conductor shows it.

What catches them is a simulation (test/sim) over so many seeds, a few times as many as it needs by now; the form is that of
positions.py, with sim=(side, seeds).
"""
MUTANTS = []
RULES = {
    "sim-window": "what is confirmed is the end of the longest prefix that Kafka has; what is in flight is bounded",
    "sim-feedback": "the server is told what is committed as the mark, in time, and is asked when it is silent",
    "sim-pump": "a stream begins and goes on behind what is settled, and at nothing else",
    "sim-transactions": "a Kafka transaction holds whole transactions, and the position says how far it came",
    "sim-relay": "a session begins when the last one is settled, and no fault is taken for a gap",
    "sim-consumer": "the progress passes what is applied, known or kept as a dead letter, and nothing else",
}


def mutant(name, rule, file, old, new, side="relay", seeds=500, quick=False):
    assert rule in RULES and all(m["name"] != name for m in MUTANTS), name
    MUTANTS.append(dict(name="sim-" + name, rule=rule, file=file, old=old, new=new, unit=None, e2e=None,
                        sim=(side, seeds), quick=quick))


def of_consumer(name, file, old, new, **options):
    mutant(name, "sim-consumer", "consumer/" + file, old, new, side="consumer", **options)


# -- the window -----------------------------------------------------------------

mutant("window-confirms-out-of-order", "sim-window", "relay/window.c",
       "if (first->end_lsn == LSN_INVALID || first->unsettled > 0)", "if (first->end_lsn == LSN_INVALID)", quick=True)
mutant("window-idle-in-flight", "sim-window", "relay/window.c",
       "if (window_is_idle(window) && wal_end > window->confirmed)", "if (wal_end > window->confirmed)")
mutant("window-written-is-settled", "sim-window", "relay/window.c", "if (state != SLOT_WRITTEN)", "if (true)")
mutant("window-any-bytes", "sim-window", "relay/window.c",
       "(bytes > window->limits.max_bytes || window->bytes > window->limits.max_bytes - bytes)", "false")
mutant("window-bytes-never-freed", "sim-window", "relay/window.c", "window->bytes -= event->bytes;", "")
mutant("window-resumes-one-late", "sim-window", "relay/window.c",
       "point.ordinal = event->ordinal;", "point.ordinal = event->ordinal + 1;")
mutant("window-forgets-the-first-written", "sim-window", "relay/window.c",
       "if (event->state == SLOT_WRITTEN && window->first_written == LSN_INVALID)", "if (false)")
mutant("window-keeps-what-is-reset", "sim-window", "relay/window.c", "\twindow->in_flight = 0;\n\twindow->written = 0;", "")

# -- feedback ---------------------------------------------------------------------

mutant("feedback-tells-the-confirmed", "sim-feedback", "relay/pump.c",
       "walframe_build_status(message, pump->durable, pump->durable, wall, update.ask);",
       "walframe_build_status(message, pump_confirmed(pump), pump_confirmed(pump), wall, update.ask);")
mutant("feedback-answers-for-ever", "sim-feedback", "relay/feedback.c",
       "\tfeedback->reported = durable_mark;\n\tfeedback->reply_due = false;", "\tfeedback->reported = durable_mark;")
mutant("feedback-asks-nobody", "sim-feedback", "relay/feedback.c",
       "update.ask = now >= ask_at(feedback);", "update.ask = false;")
mutant("feedback-is-late", "sim-feedback", "relay/feedback.c",
       "update.send = update.ask || feedback->reply_due || durable_mark > feedback->reported ||",
       "update.send = durable_mark > feedback->reported + 1000000 ||", seeds=2000)
mutant("mark-before-its-commit", "sim-feedback", "relay/relay_chores.c",
       "\trelay->mark_in_flight = registry_mark(relay->registry, &request);",
       "\trelay->mark_in_flight = registry_mark(relay->registry, &request);\n\tpump_marked(relay->pump, &relay->mark, now);")
mutant("mark-that-failed", "sim-feedback", "relay/relay_chores.c",
       "\t\tpump_mark_failed(relay->pump, bad_value, now);", "\t\tpump_marked(relay->pump, &relay->mark, now);")
mutant("heartbeat-before-it-is-confirmed", "sim-feedback", "relay/heartbeat.c",
       "heartbeats->first.snapshot != NULL && heartbeats->first.lsn <= confirmed", "heartbeats->first.snapshot != NULL")

# -- the pump -----------------------------------------------------------------------

mutant("pump-skips-what-begins-at-the-start", "sim-pump", "relay/pump.c",
       "pump->suppressed = commit_lsn < pump->start_lsn;", "pump->suppressed = commit_lsn <= pump->start_lsn;", quick=True)
mutant("pump-suppresses-one-more", "sim-pump", "relay/pump.c",
       "if (pump->suppressed || point_before(point, pump->resume))",
       "if (pump->suppressed || !point_before(pump->resume, point))")
mutant("pump-blames-a-whole-batch", "sim-pump", "relay/pump_settle.c",
       "window_unacknowledged(pump->window) == 1 &&\n", "\n")
mutant("pump-buries-before-all-is-settled", "sim-pump", "relay/pump_transaction.c",
       "if (window_events(pump->window) == 0)", "if (true)")
mutant("pump-buries-two", "sim-pump", "relay/pump_settle.c",
       "receipt->position.ordinal + 1}", "receipt->position.ordinal + 2}")
mutant("pump-reads-on-behind-what-is-held", "sim-pump", "relay/pump.c",
       "\t\t\t\tpump->listening = false;\n\t\t\t\treturn verdict;",
       "\t\t\t\tpump->listening = false;\n\t\t\t\tpump->held = verdict != PUMP_HELD;\n\t\t\t\treturn verdict;")
mutant("pump-keeps-the-frame-of-a-lost-source", "sim-pump", "relay/pump_session.c",
       "\tpump->held = false;\n\tpump->listening = false;", "\tpump->listening = false;")

mutant("pump-waits-for-what-it-does-not-read", "sim-pump", "relay/pump.c",
       "pump_is_amid_transaction(pump))\n\t\t\treturn PUMP_HELD;", "pump_is_amid_transaction(pump))\n\t\t\treturn PUMP_IDLE;")

# -- transactions ---------------------------------------------------------------------

mutant("transaction-position-one-late", "sim-transactions", "relay/pump_transaction.c",
       "kafka->last.ordinal + 1};", "kafka->last.ordinal + 2};")
mutant("transaction-ends-anywhere", "sim-transactions", "relay/pump_transaction.c",
       "\tif (kafka->amid)\n\t\treturn kafka->due || is_too_much(pump);\n", "")
mutant("transaction-goes-on-torn", "sim-transactions", "relay/relay_delivery.c",
       "if (!pump_is_torn(relay->pump))", "if (true)")
mutant("transaction-position-is-not-believed", "sim-transactions", "relay/pump_settle.c",
       "\tif (point_before(pump->resume, point))\n\t\tpump->resume = point;\n\tif (point_before(pump->condemned, point))",
       "\tif (point_before(pump->condemned, point))")
mutant("transaction-begins-behind-the-last-event", "sim-transactions", "relay/relay_check_delivery.c",
       "if (found && facts->backfill)", "if (found)", seeds=1000)
mutant("transaction-settles-when-written", "sim-transactions", "relay/pump_settle.c",
       "if (window_write(pump->window, delivery->token, &settled))", "if (window_settle(pump->window, delivery->token, &settled))")

mutant("round-is-not-released", "sim-relay", "relay/relay.c",
       "\tif (relay->sink != NULL)\n\t\trelay->sink->ops->release(relay->sink);\n", "")

# -- sessions -----------------------------------------------------------------------------

mutant("relay-does-not-wait-for-what-is-in-flight", "sim-relay", "relay/relay_session.c",
       "if (pump_in_flight(relay->pump) > 0 || !relay_open_sink(relay, now))", "if (!relay_open_sink(relay, now))")
mutant("relay-slot-of-a-standby-is-a-gap", "sim-relay", "relay/relay_check.c",
       "if (facts->slot_confirmed > facts->mark_lsn && slot_is_ahead_by_promotion(facts))", "if (false)", seeds=4000)
mutant("relay-remembers-another-timeline", "sim-relay", "relay/relay_session.c",
       "if (relay->memory.valid && relay->memory.timeline != relay->identity.timeline)", "if (false)", seeds=2000)
mutant("relay-tail-of-another-is-a-gap", "sim-relay", "relay/relay_compare.c",
       "\tif (relay->flushed_known)\n\t\trelay_fail(relay, &error, now);", "\tif (true)\n\t\trelay_fail(relay, &error, now);",
       seeds=4000)
mutant("relay-reads-beside-a-burial", "sim-relay", "relay/relay.c",
       "if (relay->topic_wanted || relay->burial != BURIAL_NONE || relay_pauses_to_renew(relay))",
       "if (relay->topic_wanted || relay_pauses_to_renew(relay))")

mutant("relay-forgets-what-a-lost-producer-sent", "sim-relay", "relay/pump_marks.c",
       "return pump->sent.commit_lsn == LSN_INVALID ||", "return true ||")

# -- the consumer --------------------------------------------------------------------------

of_consumer("position-twice", "positions.c", "if (position_compare(position, &found->position) <= 0)",
            "if (position_compare(position, &found->position) < 0)", quick=True)
of_consumer("positions-of-a-server-that-is-gone", "consumer_progress.c",
            "\tadopt_progress(partition);\n\tadopt_positions(partition);\n\tpartition->rewind = true;",
            "\tadopt_progress(partition);\n\tpartition->rewind = true;")
of_consumer("record-twice", "consumer_read.c", "if (record->offset < partition->received)", "if (false)")
of_consumer("letter-that-failed", "consumer_letters.c",
            "\t\t\tletter->phase = LETTER_TO_SEND;\n\t\t\tletter->retry_at = backoff_next(&letter->backoff, consumer->now, &consumer->random);",
            "\t\t\tletter->row.letter_topic = \"dead\";\n\t\t\tplace(lane, record);")
of_consumer("letter-without-a-row", "consumer_letters.c",
            "return lane->letter.phase == LETTER_PLACED && find_record(lane) != NULL ? &lane->letter.row\n",
            "return lane->letter.phase == LETTER_NONE && find_record(lane) != NULL ? &lane->letter.row\n")
of_consumer("letter-of-the-first-of-many", "consumer_apply.c",
            "if (!sizer_data_error(&lane->sizer, lane->request_count))", "if (sizer_data_error(&lane->sizer, lane->request_count), false)")
of_consumer("unknown-commit-is-a-rival", "consumer_progress.c",
            "if (found < partition->next_offset || found > partition->unknown_next)", "if (true)")
of_consumer("unknown-commit-is-applied-again", "consumer_progress.c",
            "\tbatch_drop_below(lane->applying, slot, found);\n", "")
of_consumer("offset-one-ahead", "consumer_apply.c",
            "partition->topic, partition->partition, move->new_next))", "partition->topic, partition->partition, move->new_next + 1))")
of_consumer("progress-is-not-kept", "consumer_apply.c", "\t\tpartition->next_offset = move->new_next;\n", "")
of_consumer("full-and-not-yet-paused", "consumer_read.c",
            "if (batch_is_full(lane->filling) && is_read(lane))", "if (batch_is_full(lane->filling) && !lane->paused)")
of_consumer("known-ids-are-forgotten", "consumer_read.c",
            "to->by_id = to->id[0] != '\\0' && (flagged || found == NULL);", "to->by_id = to->id[0] != '\\0' && found == NULL && !flagged;")
of_consumer("what-is-revoked-is-kept", "consumer_places.c",
            "\t\t(void) lane_drop(lane_of(consumer, slot), slot);\n\t\tpartitions_release", "\t\tpartitions_release")
