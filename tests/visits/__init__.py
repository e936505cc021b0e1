"""Visits on a real stack."""
