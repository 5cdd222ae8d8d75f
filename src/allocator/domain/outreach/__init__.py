"""What outreach offers, whom it reaches, and its plan."""

from allocator.domain.outreach.agenda import called_off, with_sequences
from allocator.domain.outreach.areas import NEED_COLUMNS, Needs, OutreachAreas, typed_table
from allocator.domain.outreach.feedback import (
    CANCELLED, DELIVERY_TYPES, HELD, MOVED, OPEN, STATUSES, Delivered, Requests, Survey, delivery_table,
)  # fmt: skip
from allocator.domain.outreach.offers import (
    AREA, CHANNEL, INITIATIVE_TYPES, ONLINE, POINT, RISKY_TOPICS, VENUE, Answer, Channel, Fund, Initiative, Offers,
    Partner, Point, Venue,
)  # fmt: skip
from allocator.domain.outreach.plan import (
    AREA_TYPES, DETACHED_TYPES, FUND_TYPES, OUTREACH_COLUMNS, OUTREACH_TYPES, OutreachPlan, item_ids, item_key,
)  # fmt: skip

__all__ = [
    "AREA", "AREA_TYPES", "CANCELLED", "CHANNEL", "DELIVERY_TYPES", "DETACHED_TYPES", "FUND_TYPES", "HELD",
    "INITIATIVE_TYPES", "MOVED", "NEED_COLUMNS", "ONLINE", "OPEN", "OUTREACH_COLUMNS", "OUTREACH_TYPES", "POINT",
    "RISKY_TOPICS", "STATUSES", "VENUE", "Answer", "Channel", "Delivered", "Fund", "Initiative", "Needs", "Offers",
    "OutreachAreas", "OutreachPlan", "Partner", "Point", "Requests", "Survey", "Venue", "called_off", "delivery_table",
    "item_ids", "item_key", "typed_table", "with_sequences",
]  # fmt: skip
