"""What outreach offers, and what came of it."""

from allocator.io.outreach.answers import read_answers
from allocator.io.outreach.areas import read_areas
from allocator.io.outreach.delivery import delivery_template, read_delivery
from allocator.io.outreach.feedback import read_feedback
from allocator.io.outreach.offers import read_offers
from allocator.io.outreach.surveys import read_requests, read_survey

__all__ = [
    "delivery_template", "read_answers", "read_areas", "read_delivery", "read_feedback", "read_offers", "read_requests",
    "read_survey",
]  # fmt: skip
