"""Identity: versions."""
