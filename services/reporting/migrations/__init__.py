"""Alembic migrations of reporting."""
