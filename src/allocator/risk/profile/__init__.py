"""How the events of a week fall on its hours and shifts, cell by cell."""

from allocator.risk.profile.events import repeated_records
from allocator.risk.profile.profile import FEW_EVENTS, Profile, ProfileOnce, fit_profile, shift_shares

__all__ = ["FEW_EVENTS", "Profile", "ProfileOnce", "fit_profile", "repeated_records", "shift_shares"]
