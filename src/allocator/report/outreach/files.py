"""Files of the outreach of a run: calendars, partner packages, reports to funders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import NotRequired, TypedDict, Unpack

import pandas as pd

from allocator.domain import Offers, OutreachPlan
from allocator.keywords import keywords
from allocator.report.outreach.calendar import About, calendars
from allocator.report.outreach.funders import funder_report
from allocator.report.outreach.partners import partner_packages


class FileOptions(TypedDict):
    """What the files of a plan share; see `About`."""

    timezone: str
    title: str
    notes: NotRequired[Sequence[str]]
    contact: NotRequired[str]
    earlier: NotRequired[pd.DataFrame | None]
    stamp: NotRequired[dt.datetime | None]


@keywords(About)
def outreach_files(
    outreach: OutreachPlan, *, offers: Offers | None = None, **shared: Unpack[FileOptions]
) -> dict[str, bytes]:
    """Return the calendars, partner packages and funder reports of a plan, by path in the run folder.

    Parameters
    ----------
    outreach : OutreachPlan
        The plan; its items bear their sequence already, see `domain.agenda.with_sequences`.
    offers : Offers, optional
        Funds of partners, and the assumptions of initiatives with their sources.
    timezone, title, notes, contact, earlier, stamp
        See `About`.
    """
    makers = outreach_makers(outreach, offers=offers, **shared)
    return {path: content for make in makers.values() for path, content in make().items()}


@keywords(About)
def outreach_makers(
    outreach: OutreachPlan, *, offers: Offers | None = None, **shared: Unpack[FileOptions]
) -> dict[str, Callable[[], dict[str, bytes]]]:
    """Return what makes the files of `outreach_files`, by what they are: one that fails leaves the others.

    Parameters
    ----------
    outreach, offers, timezone, title, notes, contact, earlier, stamp
        As for `outreach_files`.
    """
    given, about = offers or Offers(), About(**shared)
    return {
        "calendars": lambda: calendars(outreach.items, about),
        "partner packages": lambda: partner_packages(outreach.items, about, funds=given.funds),
        "funder reports": lambda: funder_report(
            outreach, title=about.title, notes=about.notes, initiatives=given.initiatives
        ),
    }
