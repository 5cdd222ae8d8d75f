"""Panel → RiskSurface."""

from allocator.risk.extras import READERS
from allocator.risk.features import covered
from allocator.risk.fit import AUTO, CANDIDATES, ENGINE, MODELS, Fitted, HoldOut, check_model, fit, fit_all
from allocator.risk.training import windows_of
from allocator.risk.update import update_histories, update_surface

BASELINES = tuple(name for name in MODELS if name not in ENGINE)

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
