"""Servers of others that identity asks over HTTP; their addresses are settings."""
