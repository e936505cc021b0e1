"""Servers of others that cannot be here, speaking their real contract, as processes of their own."""
