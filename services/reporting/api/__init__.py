"""The HTTP boundary of reporting."""
