"""Visits: what the bank's people did on site, with the evidence for it, and what the firm needs.

Owns visits, photos, needs and refused attempts; emits `VisitLogged`, `VisitVoided` and
`NeedRecorded`. Listens to registry (roster, places) and allocation (campaigns, assignments,
contacts) and keeps copies.
Read `domain/record.py` first: it puts the rules of one visit together; then `usecases.py`.
"""
