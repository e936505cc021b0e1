"""Allocation: shares a campaign's enterprises out and keeps who answers for each."""
