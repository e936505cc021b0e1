"""Tests: one folder per service, `platform` and `contracts` for what they share, `journeys` end to end."""
