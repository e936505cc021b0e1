"""Schema changes of allocation."""
