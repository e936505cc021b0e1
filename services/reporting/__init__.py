"""Reporting: figures by business date and knowledge time, and the bulletins made of them.

Owns: facts as learnt, the signed rows made of them, editions of bulletins. Events in: all that name
an enterprise (registry, allocation, visits, credit). Events out: `BulletinPublished`.

Read in this order: `domain/kinds.py`, `domain/fold.py` (facts → signed rows), `domain/figures.py`
(sums → cells), `consumers.py`, `store/figures.py`, `rebuild.py`.
"""
