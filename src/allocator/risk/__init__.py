"""Panel → RiskSurface."""

from allocator.risk.fit import AUTO, BASELINES, MODELS, Fitted, HoldOut, check_model, fit, fit_all
from allocator.risk.training import window_days

__all__ = ["AUTO", "BASELINES", "MODELS", "Fitted", "HoldOut", "check_model", "fit", "fit_all", "window_days"]
