"""The HTTP of allocation."""
