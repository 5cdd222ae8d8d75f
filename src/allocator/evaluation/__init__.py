"""Answers about a forecast or a plan."""

from allocator.evaluation.metrics import coverage, hit_rate, log_likelihood, pai

__all__ = ["coverage", "hit_rate", "log_likelihood", "pai"]
