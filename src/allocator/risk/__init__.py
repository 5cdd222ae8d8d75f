"""Panel → RiskSurface."""

from allocator.risk.fit import AUTO, BASELINES, MODELS, Fitted, HoldOut, check_model, fit
from allocator.risk.training import window_days

__all__ = ["AUTO", "BASELINES", "MODELS", "Fitted", "HoldOut", "check_model", "fit", "window_days"]
