"""What the end-to-end tests stand on: servers, daemons, load and the ledger.

Clients of the servers here are ones that this project did not write: psycopg,
confluent_kafka, kcat.
"""
