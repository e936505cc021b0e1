"""Schema history of the credit database."""
