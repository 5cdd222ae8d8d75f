"""Panel → RiskSurface."""

from allocator.risk.features import READERS
from allocator.risk.fit import AUTO, BASELINES, CANDIDATES, ENGINE, MODELS, check_model, fit, fit_all
from allocator.risk.fitted import Fitted, HoldOut
from allocator.risk.known import covered
from allocator.risk.state import update_histories, update_surface
from allocator.risk.training import windows_of

__all__ = [
    "AUTO",
    "BASELINES",
    "CANDIDATES",
    "ENGINE",
    "MODELS",
    "READERS",
    "Fitted",
    "HoldOut",
    "check_model",
    "covered",
    "fit",
    "fit_all",
    "update_histories",
    "update_surface",
    "windows_of",
]
