"""Identity: accounts, machine clients, sign-in and the signed tokens every service verifies.

Owns: accounts, clients, sessions, second factors, bindings, approvals, the signing key.
Events out: AccountOpened, AccountChanged, AccessRevoked, ApprovalRequested, ApprovalDecided.
Events in: none. Read `domain/`, then `usecases/sessions.py` and `gate.py`, then `api/`.
"""
