"""Allocation: shares a campaign's enterprises out and keeps who answers for each.

Owns campaigns and their profiles, plans (draft, published, superseded), assignments and contacts;
emits `CampaignOpened`, `EnterpriseEnrolled`, `PlanPublished`, `EnterpriseAssigned`,
`EnterpriseUnassigned` and `ContactNamed`. Listens to registry (banks, rosters, lists) and credit
(who is matched) and keeps copies.
Read `domain/planning.py` first: a plan is computed there; then `usecases/publishing.py`.
"""
