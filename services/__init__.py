"""The services: each owns its data, and they talk by events only."""
