"""Identity: accounts, machine clients, sign-in and the signed tokens every service verifies.

Owns: accounts, clients, refresh families, the signing key.
Events out: AccountOpened, AccessRevoked.
Events in: none. Read `domain/` (tokens, passwords), then `usecases.py`, then `api/routes.py`.
"""
