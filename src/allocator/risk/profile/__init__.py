"""How the events of a week fall on its hours and shifts, cell by cell."""

from allocator.risk.profile.profile import Profile, fit_profile, shift_shares

__all__ = ["Profile", "fit_profile", "shift_shares"]
