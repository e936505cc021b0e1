"""Identity: api."""
