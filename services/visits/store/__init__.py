"""Every SQL statement of visits, by noun, and the folder of photos."""
