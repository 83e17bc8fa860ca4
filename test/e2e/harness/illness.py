"""A target that is ill as a test wants it, and what the circuit breaker makes of that."""
from .scene import HANDLER

# Asked once a statement.
ILL_HANDLER = HANDLER.replace("FROM batch", "FROM batch WHERE (SELECT ill())")


def failing(stage, code, times=None):
    """From now on a handler that asks ill() raises that; slow: it takes its time; None: no more.

    times: it raises it so often, and then no more.
    """
    stage.target_sql("CREATE TABLE IF NOT EXISTS illness (code text, times bigint)")
    stage.target_sql("CREATE SEQUENCE IF NOT EXISTS attempts")
    stage.target_sql("""
        CREATE OR REPLACE FUNCTION ill() RETURNS boolean LANGUAGE plpgsql AS $$
        DECLARE c text := (SELECT code FROM illness);
                most bigint := (SELECT times FROM illness);
        BEGIN
            IF c = 'slow' THEN
                PERFORM pg_sleep(0.8);
            ELSIF c = 'every other' THEN
                IF nextval('attempts') % 2 = 1 THEN
                    RAISE 'made up' USING ERRCODE = '53100';
                END IF;
            ELSIF c IS NOT NULL AND (most IS NULL OR nextval('attempts') <= most) THEN
                RAISE 'made up' USING ERRCODE = c;
            END IF;
            RETURN true;
        END $$""")
    stage.target_sql("DELETE FROM illness")
    if code is not None:
        if times is not None:
            stage.target_sql("SELECT setval('attempts', 1, false)")
        stage.target_sql("INSERT INTO illness VALUES (%s, %s)", (code, times))


def breaker(consumer):
    return consumer.metric("circuit_breaker_state")


def changes(consumer):
    """The lines of the log that tell of a transition."""
    return [e for e in consumer.entries() if e.get("msg") == "circuit breaker"]


def transitions(consumer):
    """(from, to, reason) of each."""
    return [(e["from"], e["to"], e["reason"]) for e in changes(consumer)]


def counted(consumer):
    """{(from, to): number} of the metric, without those that are 0."""
    ways = [(a, b) for a in ("closed", "half-open", "open") for b in ("closed", "half-open", "open")]
    series = consumer.metrics()
    name = 'outbox_consumer_breaker_transitions_total{from="%s",to="%s"}'
    return {way: series[name % way] for way in ways if series.get(name % way, 0) > 0}


def modes(consumer):
    """(from, to, by) of each change of the mode."""
    return [(e["from"], e["to"], e["by"]) for e in consumer.entries()
            if e.get("msg") == "circuit breaker: another mode"]
