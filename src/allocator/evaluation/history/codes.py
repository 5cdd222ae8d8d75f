"""Where the record itself changed: late reports, codes that come and go."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np

from allocator.domain import Events, Ints, Panel, date_of
from allocator.facts import Note, note


def complete_until(panel: Panel, week: dt.date) -> tuple[dt.date, Note | None, bool]:
    """Return the day up to which the history is complete, a note on what is left out, and whether that is known.

    Where the file says when events were reported, days too recent for 95 % of their events to be known at the
    start of `week` are not complete, as judged by events that are older than 90 days. At most 56 days are left out.
    """
    if panel.reported is None:
        return panel.stop_day, None, False
    old = panel.day < panel.n_days - 90
    if int(old.sum()) < 100:
        return panel.stop_day, None, False
    delay = int(np.quantile(panel.reported[old] - panel.day[old], 0.95, method="higher"))
    missing = min(max(delay - (week - panel.stop_day).days, 0), 56)
    if not missing:
        return panel.stop_day, None, True
    stop = panel.stop_day - dt.timedelta(days=missing)
    told = note("studies.last_days_left_out", days=missing, delay=delay)
    return stop, told, True


@dataclass(frozen=True)
class CodeReview:
    """Kinds that appeared or vanished, and how old the history is.

    Parameters
    ----------
    new : tuple of str
        Kinds first seen in the recent weeks, though the history is longer; with first day and count.
    gone : tuple of str
        Kinds that used to occur and have not in the recent weeks; with last day.
    last_day : datetime.date
        Day of the last event.
    age_days : int
        Days between the last event and the day before the planned week.
    """

    new: tuple[str, ...]
    gone: tuple[str, ...]
    last_day: dt.date
    age_days: int
    recent_days: int = field(default=56)


def review_codes(events: Events, day: Ints, week: dt.date, *, recent_days: int = 56) -> CodeReview:
    """Return which kinds are new or gone, and the age of the history at the start of `week`.

    A kind is gone if chance would leave it out of the recent days less than once in 1,000 such reviews, given how
    often it occurred before.

    Parameters
    ----------
    events : Events
        Everything known before the week, before the policy screens any kind.
    day : (n,) int64
        Local days of the events, counted from 1970-01-01.
    recent_days : int
        Days that count as recent.
    """
    last, begin = int(day.max()), int(day.min())
    edge = last + 1 - recent_days
    counts = np.bincount(events.kind, minlength=len(events.kinds))
    first_seen, last_seen = np.full(len(counts), last + 1), np.full(len(counts), begin - 1)
    np.minimum.at(first_seen, events.kind, day)
    np.maximum.at(last_seen, events.kind, day)
    new, gone = [], []
    for row, kind in enumerate(events.kinds):
        if not counts[row] or edge - begin < recent_days:
            continue
        if first_seen[row] >= edge:
            new.append(f"{kind} (first on {date_of(int(first_seen[row]))}, {counts[row]:,} since)")
        elif last_seen[row] < edge and counts[row] * recent_days / max(edge - int(first_seen[row]), 1) > np.log(1000):
            gone.append(f"{kind} (last on {date_of(int(last_seen[row]))}, {counts[row]:,} before)")
    last_day = date_of(last)
    return CodeReview(tuple(new), tuple(gone), last_day, (week - last_day).days - 1, recent_days)
