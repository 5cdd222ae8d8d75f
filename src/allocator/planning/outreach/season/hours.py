"""The time that crews of a season have."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from allocator.planning.outreach.season.season import DAY_SLOTS, SLOT_MINUTES, WEEK_SLOTS, Season


class Hours:
    """When the crews of a season could be at something, by day, week and planned shift."""

    def __init__(self, season: Season) -> None:
        self.season = season
        self._usable: dict[int, dict[int, int]] = {}
        self._days: dict[int, dict[int, int]] = {}

    def minutes_of_days(self, c: int) -> dict[int, int]:
        """Return, by day of the plan, the minutes in which a team could be at something."""
        if c not in self._days:
            season, busy = self.season, np.zeros((self.season.weeks + 1) * WEEK_SLOTS, bool)
            for o, option in enumerate(season.options):
                if c in season.able[option.initiative]:
                    starts = season.starts(o, c)
                    for step in range(season.slots(o)):
                        busy[starts + step] = True
            slots = busy.reshape(-1, DAY_SLOTS).sum(axis=1)
            self._days[c] = {day: int(n) * SLOT_MINUTES for day, n in enumerate(slots.tolist()) if n}
        return self._days[c]

    def usable_minutes(self, c: int, s: int) -> int:
        """Return the minutes of a shift in which a patrol crew could be at something."""
        if c not in self._usable:
            season, slots = self.season, dict[int, set[int]]()
            for o, option in enumerate(season.options):
                if c in season.able[option.initiative]:
                    for start in season.starts(o, c).tolist():
                        own = slots.setdefault(season.shift_at(c, start), set())
                        own.update(range(start, start + season.slots(o)))
            self._usable[c] = {shift: len(own) * SLOT_MINUTES for shift, own in slots.items()}
        return min(self._usable[c].get(s, 0), self.minutes_of_shift(s))

    def weeks_on(self, c: int) -> Iterable[int]:
        """Return the weeks in which a crew is there."""
        crew = self.season.crews[c]
        return sorted({self.week_of(s) for s in crew.shifts}) if crew.is_patrol else range(self.season.weeks)

    def week_of(self, s: int) -> int:
        """Return the week in which a planned shift begins."""
        return self.season.slots_of_shift(s)[0] // WEEK_SLOTS

    def minutes_of_shift(self, s: int) -> int:
        """Return the length of a planned shift in minutes."""
        assert self.season.patrol is not None
        return int(self.season.patrol.shifts[s].minutes)
