"""Identity: migrations."""
