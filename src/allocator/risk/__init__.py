"""Panel → RiskSurface."""

from allocator.risk.features import READERS, check_reach
from allocator.risk.fit import BASELINES, CANDIDATES, MODELS, check_holidays, check_model, fit, fit_all
from allocator.risk.fitted import AUTO, Fitted
from allocator.risk.known import covered
from allocator.risk.profile import Profile
from allocator.risk.state import update_histories, update_surface
from allocator.risk.training import windows_of

__all__ = [
    "AUTO", "BASELINES", "CANDIDATES", "MODELS", "READERS", "Fitted", "Profile", "check_holidays", "check_model",
    "check_reach", "covered", "fit", "fit_all", "update_histories", "update_surface", "windows_of",
]  # fmt: skip
