"""Which initiatives are held where and when, by whom."""

from allocator.planning.outreach.plan import patrol_of, plan_outreach

__all__ = ["patrol_of", "plan_outreach"]
