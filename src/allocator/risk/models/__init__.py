"""The models of the registry."""

from allocator.risk.models.baselines import Baseline
from allocator.risk.models.boosted import Boosted, FittedBoosted
from allocator.risk.models.glm import Glm
from allocator.risk.models.mixture import FittedMixture, Mixture
from allocator.risk.models.self_exciting import SelfExciting

__all__ = ["Baseline", "Boosted", "FittedBoosted", "FittedMixture", "Glm", "Mixture", "SelfExciting"]
