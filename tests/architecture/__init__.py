"""The shape of the code, as a test."""
