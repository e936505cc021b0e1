"""Every SQL statement of allocation, one module per noun."""
