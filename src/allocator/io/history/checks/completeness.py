"""Whether a history is whole: kinds that ended, and weeks whose events are not all reported yet."""

from __future__ import annotations

import dataclasses

import numpy as np

from allocator.domain import Bools, Events, Ints, date_of, local_clock
from allocator.facts import Note, note
from allocator.io.history.checks.screen import trained

_WINDOWS = ((14, 20.0), (28, 12.0), (56, 12.0))
"""Days of silence, and the events that were expected in it: a kind has ended where hardly any came. Of 12 expected,
none comes by chance once in 160,000 times."""
_STRAGGLERS = 0.1
"""Share of the expected events that may still come under the old name."""
_YEAR = 365
_LAST_WEEKS, _USUAL_WEEKS = 4, 26
_BELOW, _SIGMAS = 0.8, 4.0
"""Last weeks count as thin where they hold less than 80 % of the usual number, by 4 standard deviations."""


def without_ended(events: Events, *, asked: tuple[str, ...] = ()) -> Events:
    """Return the events without kinds that ended while others went on, as when a new records system renames them.

    They would go on being forecast at their old level, beside the new kinds: counted twice. Kinds that the job asks for
    by name stay.

    Parameters
    ----------
    events : Events
        In order of time.
    asked : tuple of str
        Kinds that the job names.
    """
    if not len(events):
        return events
    day = local_clock(events.time, events.timezone)[0]
    ended, notes = np.zeros(len(events.kinds), bool), list[Note]()
    last = _last_day(day)
    for row, name in enumerate(events.kinds):
        own = day[(events.kind == row) & (day <= last)]
        silence = _silence(own, day[(events.kind != row) & (day <= last)], last)
        if not silence:
            continue
        end = int(own[own <= last - silence][-1])
        begun = _begun_around(events, day, end)
        if silence < 28 and not begun:  # a late report of one kind looks the same, unless another name took over
            continue
        ended[row] = name not in asked
        cause = "history.kind_ended" if ended[row] else "history.kind_ended_kept"
        notes.append(note(cause, kind=name, last=date_of(end), count=len(own), begun=begun))
    if ended.all():
        return events
    kept = events.take(~ended[events.kind], reason="kind ended before the last events") if ended.any() else events
    told = (one for one in kept.notes if one.cause != "history.kinds_trained")
    return dataclasses.replace(kept, notes=(*told, *notes, trained(kept)) if notes else kept.notes)


def _last_day(day: Ints) -> int:
    """Return the last day that is filled: a few events dated ahead, by a slip of the pen, do not count."""
    return int(day[-1 - min(len(day) // 500, len(day) - 1)])


def _silence(own: Ints, others: Ints, last: int) -> int:
    """Return the days at the end in which a kind is silent while others go on as before, 0 if it is not."""
    for days, least in reversed(_WINDOWS):
        before = own[(own <= last - days) & (own > last - days - _YEAR)]
        if not len(before):
            continue
        active = max(int(last - days - before[0]) + 1, days)
        expected, came = len(before) / active * days, int((own > last - days).sum())
        beside = len(others[(others <= last - days) & (others > last - days - active)]) / active * days
        go_on = (others > last - days).any() and int((others > last - days).sum()) >= beside / 2
        if expected >= least and came <= _STRAGGLERS * expected and go_on:
            return days
    return 0


def _begun_around(events: Events, day: Ints, end: int) -> list[str]:
    """Return the kinds that began within a month around the end of another."""
    first = [int(day[events.kind == row][0]) if (events.kind == row).any() else 0 for row in range(len(events.kinds))]
    return [name for name, begin in zip(events.kinds, first, strict=True) if abs(begin - end) <= 28]


def thin_weeks(events: Events) -> list[Note]:
    """Return a note where the last weeks of a history hold far fewer events than usual.

    That is what events look like that are reported or entered later; where the file tells when each became known, they
    were cut by that, and the forecast knows.
    """
    if not len(events) or events.reported is not None:
        return []
    day = local_clock(events.time, events.timezone)[0]
    last = _last_day(day)
    day = day[day <= last]
    week = (last - day) // 7
    per_week = np.bincount(week, minlength=_LAST_WEEKS + _USUAL_WEEKS)[: _LAST_WEEKS + _USUAL_WEEKS].astype(np.float64)
    before = per_week[_LAST_WEEKS:]
    before = before[before > 0]
    if len(before) < _USUAL_WEEKS // 2:
        return []
    usual = float(np.median(before))
    spread = max(float(np.std(before)), float(np.sqrt(usual)))
    thin: Bools = (per_week[:_LAST_WEEKS] < _BELOW * usual) & (per_week[:_LAST_WEEKS] < usual - _SIGMAS * spread / 2)
    n = int(np.argmin(np.append(thin, False)))  # weeks in a row, from the last
    total = float(per_week[:n].sum())
    if not n or total > n * usual - _SIGMAS * spread * np.sqrt(n):
        return []
    return [note("history.thin_weeks", weeks=n, count=total, usual=n * usual, share=1 - total / (n * usual),
                 since=date_of(last - 7 * n + 1))]  # fmt: skip
