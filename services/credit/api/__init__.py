"""HTTP of the credit service."""
