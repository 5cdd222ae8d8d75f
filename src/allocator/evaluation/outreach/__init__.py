"""What became of outreach."""

from allocator.evaluation.outreach.delivery import DeliveryCard, delivery_report
from allocator.evaluation.outreach.learning import learnt
from allocator.evaluation.outreach.reporting import outreach_effect

__all__ = ["DeliveryCard", "delivery_report", "learnt", "outreach_effect"]
