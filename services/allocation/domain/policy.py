"""The policy of a campaign's sharing-out, as its profile sets it; what the engine makes of it."""

from dataclasses import dataclass

from services.allocation.domain.engine.problem import Policy
from services.allocation.domain.model import Precision


@dataclass(frozen=True, slots=True)
class CostWeights:
    """The policy behind a cost, all in metres. Not facts: a campaign's profile sets them.

    An address less precise than `distance_from` says gives no preference for what is near.
    `stick_m` is what moving an enterprise that has a bank costs, when a plan is solved again.
    """

    no_relation_m: int = 8_000
    remote_m: int = 5_000
    band_step_m: int = 60_000
    overflow_m: int = 400_000
    distance_from: tuple[Precision, ...] = ("point", "county")
    stick_m: int = 5_000


@dataclass(frozen=True, slots=True)
class FairnessBands:
    """How far from its capacity share an institution may be, in basis points; None: any distance.

    `total_bp` is about all enterprises, `hard_bp` about the hard cases (no loan, or remote).
    """

    total_bp: int | None = 500
    hard_bp: int | None = 1_000


def engine_policy(
    weights: CostWeights, bands: FairnessBands, *, seed: int, same_type_m: int = 0
) -> Policy:
    """The engine's policy of a profile's weights and bands.

    Units:   metres, basis points.
    Source:  rules JS-07, JS-19; features A2, A4.
    """
    return Policy(
        seed=seed,
        no_relation_m=weights.no_relation_m,
        same_type_m=same_type_m,
        stick_m=weights.stick_m,
        remote_m=weights.remote_m,
        band_step_m=weights.band_step_m,
        total_bp=bands.total_bp,
        hard_bp=bands.hard_bp,
    )
