"""Panel → RiskSurface."""

from allocator.risk.fit import AUTO, BASELINES, MODELS, Fitted, HoldOut, fit

__all__ = ["AUTO", "BASELINES", "MODELS", "Fitted", "HoldOut", "fit"]
