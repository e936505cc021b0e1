"""Allocation: shares a campaign's enterprises out and keeps who answers for each.

Owns campaigns and their profiles, plans (draft, checked, published, superseded), what-ifs,
assignments, contacts, returns and claims; emits `CampaignOpened`, `CampaignAmended`,
`EnterpriseEnrolled`, `PlanPublished`, `EnterpriseAssigned`, `EnterpriseUnassigned`, `ContactNamed`,
`ReturnAsked`, `ReturnDecided` and `EnterpriseClaimed`. Listens to registry (banks, rosters, lists)
and credit (who is matched) and keeps copies.
Read `domain/engine` first: what is best is decided there; then `domain/planning.py`, where a plan
is computed with it; then `usecases/publishing.py`.
"""
