"""The contract gate."""
