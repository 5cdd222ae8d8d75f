"""What became of outreach."""

from allocator.evaluation.outreach.delivery import DeliveryCard, delivery_report
from allocator.evaluation.outreach.learning import learnt
from allocator.evaluation.outreach.reporting import (
    Change,
    OutreachEffect,
    ReportedCounts,
    Victimisation,
    expected_reported_change,
    outreach_effect,
    reported_change,
    victimisation_change,
)

__all__ = [
    "Change",
    "DeliveryCard",
    "OutreachEffect",
    "ReportedCounts",
    "Victimisation",
    "delivery_report",
    "expected_reported_change",
    "learnt",
    "outreach_effect",
    "reported_change",
    "victimisation_change",
]
