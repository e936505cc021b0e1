"""The embedded run: PostgreSQL, Kafka, nginx and our own processes in one folder, no Docker.

Reading order: processes (how a child starts and ends), ports, postgres (pgbinaries, databases),
kafka, nginx, toolchain, supervisor. Nothing in here knows a service by name.
"""
