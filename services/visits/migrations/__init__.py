"""Migrations of the visits database."""
