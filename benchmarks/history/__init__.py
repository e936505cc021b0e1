"""A campaign's year as events, seeded: who is listed, assigned, visited, lent to, and corrected.

Every event has its business date and, later, the instant it became known. Corrections (moves,
voided visits, reversed drawdowns) are one in twenty.
"""
