"""Known: the history of a job as it was known before its week."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass

import numpy as np

from allocator import io, risk
from allocator.domain import Covariates, Events, Panel, date_of, day_number, local_clock
from allocator.errors import DataError
from allocator.facts import Note, note
from allocator.pipeline.inputs.ground import Ground


@dataclass(frozen=True, eq=False)
class Known:
    """What may train a forecast: nothing that happened or was reported in the planned week or later.

    Parameters
    ----------
    ground : Ground
        Where.
    placed : Events
        Events of all kinds, known and in the area.
    events : Events
        Those that the policy lets train the model.
    panel : Panel
        Their counts by day, cell and kind.
    covariates : Covariates, optional
        What is known of places and days beside the events.
    """

    ground: Ground
    placed: Events
    events: Events
    panel: Panel
    covariates: Covariates | None

    @property
    def rows(self) -> dict[str, int]:
        """Rows read, and rows left out by reason."""
        return {
            **self.events.ledger,
            "outside every cell": self.panel.outside,
            "net counts clipped": self.panel.clipped,
        }

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a planner should know of events and covariates."""
        return (*self.events.notes, *(self.covariates.notes if self.covariates is not None else ()))


def known_of(ground: Ground) -> Known:
    """Return the history of a job: known before its week, placed and screened.

    The cut comes first, so that nothing later can touch any decision: which days are filled, which kinds there
    are, how many rows lie outside.

    Raises
    ------
    ConfigError, DataError
        With every fault of a file at once.
    """
    job = ground.job
    risk.check_reach(ground.city, job.risk.bandwidths_m)
    covariates = io.read_job_covariates(job, ground.city)
    every = known_before(io.read_job_events(job), job.job.week)
    every = since(io.check_placed(every, ground.area, max_outside_share=job.data.max_outside_share), job.data.since)
    screened = io.screen(every, job.policy, kinds=job.data.kinds)
    panel = Panel.from_events(screened, ground.city, kinds=job.data.kinds or None, gaps=job.data.gaps)
    events = io.without_ended(screened, asked=job.data.kinds)
    if len(events) < len(screened):  # the days stay: there was a history before the kinds that go on
        going_on = {events.kinds[row] for row in np.unique(events.kind)}
        panel = panel.of_kinds([kind for kind in panel.kinds if kind in going_on])
    events = dataclasses.replace(events, notes=(*events.notes, *io.thin_weeks(events)))
    return Known(ground, every, events, panel.until(job.job.week), covariates)


def known_before(events: Events, week: dt.date) -> Events:
    """Return the events that happened, and were reported, before local midnight at the start of `week`.

    Raises
    ------
    DataError
        If there are none.
    """
    stop = day_number(week)
    before = local_clock(events.time, events.timezone)[0] < stop
    if events.reported is not None:
        reported = np.where(np.isnat(events.reported), events.time, events.reported)
        before &= local_clock(reported, events.timezone)[0] < stop
    if len(events) and not before.any():
        first = date_of(int(local_clock(events.time[:1], events.timezone)[0][0]))
        raise DataError(f"no event was known before the planned week ({week}): the history starts on {first}")
    return events.take(before, reason=f"not known before {week}")


def since(events: Events, first_day: dt.date | None) -> Events:
    """Return the events from `first_day` on, or from the day on which the file begins to be filled steadily.

    A few rows with old dates would stretch the history and dilute every long-run mean. In months of 28 days
    counted back from the end, the history starts with the first month that holds a tenth of the usual number
    (that of the month of the median event); what lies before is left out, and a note says so.
    """
    if not len(events):
        return events
    day, _ = local_clock(events.time, events.timezone)
    if first_day is not None:
        return events.take(day >= day_number(first_day), reason=f"before {first_day} (data.since)")
    per_month = np.bincount((day[-1] - day) // 28)
    usual = float(np.median(np.repeat(per_month, per_month)))
    oldest = int(np.flatnonzero(per_month >= max(0.1 * usual, 1))[-1])
    if oldest >= len(per_month) - 2:  # the oldest month may be there in part
        return events
    early = int(day[-1]) - 28 * (oldest + 1) + 1
    kept = events.take(day >= early, reason=f"before {date_of(early)}")
    told = note("history.before_steady", count=len(events) - len(kept), day=date_of(early))
    return dataclasses.replace(kept, notes=(*kept.notes, told))
