"""Identity: store."""
