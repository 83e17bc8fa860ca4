"""What is sent: settings of the router that both take, and rows.

"router" is for both; %s is the prefix of topics.  "debezium" is what Debezium needs beside that:
converters, and the table.  Rows are (aggregatetype, aggregateid, type, payload, further columns).
"""
import datetime

STRING = "org.apache.kafka.connect.storage.StringConverter"
JSON = "org.apache.kafka.connect.json.JsonConverter"
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"

PLAIN = {"route.topic.replacement": "%s.${routedByValue}"}
EXTRA = "type:header:eventType,tenant:header,n:envelope:number,flag:envelope,type:envelope,p:partition"


def extra(tenant="acme", n=1, flag=True, p=2, at=datetime.datetime(2019, 3, 24, 20, 52, 59, 123000)):
    return {"tenant": tenant, "n": n, "flag": flag, "p": p, "at": at}


SETUPS = {
    # Debezium reads outbox.event itself.
    "plain": (PLAIN, {"value.converter": STRING}, [
        ("User", "10711fa5", "UserCreated", '{"email": "gh@mefi.in"}', None),
        ("User", "10711fa5", "UserChanged", '{"z": 1.50,  "a":2, "a":3}', None),
        ("User", "10711fa5", "UserDeleted", None, None),
        ("Address", "r-1", "Moved", "{}", None),
        ("Address", "ride-42", "Moved", "[]", None),
        ("Address", "Zürich", "Verlegt", '{"Straße": "Größe €", "日本": "語"}', None),
        ("User", "", "EmptyKey", '"text"', None),
        ("User", "a key with spaces", "Spaces", " 42 ", None),
        ("User", "k", "", "null", None),
        ("User", "k" * 300, "LongKey", "1.10", None),
        ("order-v1.items_2", "1", "Dots", "[1, 2.0, \"x\"]", None),
        ("User", "k\n\t\"", "Escapes", '"\\u00e4\\n\\/"', None),
        ("User", "7", "Large", '{"x": "' + "y" * 100000 + '"}', None),
        ("User", "7", "Deep", "[" * 50 + "]" * 50, None),
        ("User", None, "NoKey", '{"a": 1}', None),
        ("User", "7", "Number", "123456789012345678901234567890.10", None),
    ]),
    "bytes": (PLAIN, {"value.converter": BYTES, "transforms.outbox.table.field.event.payload": "payload_bytes"}, [
        ("User", "1", "Raw", b"\x00\xff\\'", None),
        ("User", "2", "Empty", b"", None),
        ("User", "3", "Framed", b"\x00\x00\x00\x00\x07avro", None),
        ("Address", "4", "Spaces", b"  ", None),
        ("Address", "5", "Large", bytes(range(256)) * 400, None),
        ("Address", "6", "Gone", None, None),
    ]),
    # And here a table of its own that holds the same, with further columns.
    "envelope": (dict(PLAIN, **{"table.fields.additional.placement": EXTRA}), {"value.converter": JSON}, [
        ("User", "1", "Made", '{"a":  1, "b": "x\\"y"}', extra()),
        ("User", "2", "Made", None, extra()),
        ("User", "3", "Made", "{}", extra(tenant="Zürich \"€\"", n=-2147483648, flag=False, p=0)),
        ("User", "4", "Made", "[]", extra(tenant=None, n=None, flag=None)),
        ("User", "5", "Mäde", '"text\\n"', extra(tenant="", p=1)),
        ("User", "6", "Made", "42", extra(tenant="7")),
        ("Address", "7", "Made", '{"tab": "\\t"}', extra(p=None)),
        ("Address", "8", "a\tb\\c/d", "null", extra(p=None)),
    ]),
    "expanded": (dict(PLAIN, **{"table.fields.additional.placement": "type:envelope:eventType",
                                "table.expand.json.payload": "true"}), {"value.converter": JSON}, [
        ("User", "1", "Made", '{"fullName": "John Doe", "enabled": true, "rating": 4.9, "age": 42}', extra()),
        ("User", "1", "Made", '{"pets": ["dog", "cat"], "big": 12345678901, "min": -1}', extra()),
        ("User", "1", "Made", '{"a": null, "b": 1}', extra()),
        ("User", "1", "Made", '{"a": [], "b": {"c": [], "d": null, "e": 1}}', extra()),
        ("User", "1", "Made", '{"a": {"b": {"c": {"d": "deep"}}}}', extra()),
        ("User", "1", "Made", '{"a": [null, 2, 3]}', extra()),
        ("User", "1", "Made", '{"a": [{"b": 1}, {"b": 2}]}', extra()),
        ("User", "1", "Made", '{"Größe": "€ \\" \\\\ 日本"}', extra()),
        ("User", "1", "Made", None, extra()),
        ("User", "1", "Made", "42", extra()),
        ("User", "1", "Made", '"text"', extra()),
        ("User", "1", "Made", "{}", extra()),
        ("User", "1", "Made", '{"a": [1, 2.0], "b": 1}', extra()),
        ("User", "1", "Made", '{"a": 1.10}', extra()),
    ]),
    "routed": ({"route.by.field": "type", "route.topic.regex": "(?<team>\\w+)-(.*)-v\\d+",
                "route.topic.replacement": "%s.${team}.$2", "table.field.event.key": "tenant",
                "table.field.event.timestamp": "at", "route.tombstone.on.empty.payload": "true",
                "table.fields.additional.placement": "n:header:number,flag:header,aggregateid:header:aggregate"},
               {"value.converter": STRING}, [
        ("User", "1", "billing-paid-v1", '{"a":  1}', extra()),
        ("User", "2", "billing-paid-v12", None, extra()),
        ("User", "3", "billing-un-paid-v1", "{}", extra(tenant="Zürich", n=None)),
        ("User", "4", "sales_1-sold-v1", "[]", extra(flag=False)),
        ("User", "5", "sales_1-sold-v1", '""', extra(at=datetime.datetime(2000, 2, 29, 23, 59, 58, 1000))),
        ("User", "6", "sales_1-sold-v1", "{}", extra(tenant="")),
    ]),
}

TOPICS = {"plain": ["User", "Address", "order-v1.items_2"], "bytes": ["User", "Address"],
          "envelope": ["User", "Address"], "expanded": ["User"],
          "routed": ["billing.paid", "billing.un-paid", "sales_1.sold"]}

# By design: (setup, index of the row) -> why, as docs/debezium.md says; "value" must differ.
DIFFERENT = {
    ("expanded", 12): "arrays of different numbers are expanded",
    ("expanded", 13): "numbers keep their digits",
}
