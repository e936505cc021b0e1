"""What every service stands on that does I/O."""
