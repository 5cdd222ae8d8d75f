"""The models of the registry."""

from allocator.risk.models.baselines import Baseline
from allocator.risk.models.boosted import Boosted, FittedBoosted
from allocator.risk.models.glm import Glm
from allocator.risk.models.hold_out import Blend, HoldOut, sharpened
from allocator.risk.models.mixture import FittedMixture, Mixture
from allocator.risk.models.self_exciting import SelfExciting
from allocator.risk.models.stack import ENGINE, FittedModel, Model, Stack

__all__ = [
    "ENGINE", "Baseline", "Blend", "Boosted", "FittedBoosted", "FittedMixture", "FittedModel", "Glm", "HoldOut",
    "Mixture", "Model", "SelfExciting", "Stack", "sharpened",
]  # fmt: skip
