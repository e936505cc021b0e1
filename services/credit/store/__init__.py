"""SQL of the credit service."""
