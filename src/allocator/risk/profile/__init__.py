"""How the events of a week fall on its hours and shifts, cell by cell."""

from allocator.risk.profile.profile import Profile, ProfileOnce, fit_profile, shift_shares

__all__ = ["Profile", "ProfileOnce", "fit_profile", "shift_shares"]
