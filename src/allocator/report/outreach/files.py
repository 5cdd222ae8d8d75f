"""Files of the outreach of a run: calendars, partner packages, reports to funders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pandas as pd

from allocator.domain import Offers, OutreachPlan
from allocator.report.outreach.calendar import calendars
from allocator.report.outreach.funders import funder_report
from allocator.report.outreach.partners import partner_packages


def outreach_files(
    outreach: OutreachPlan, *, timezone: str, title: str, notes: Sequence[str] = (), offers: Offers | None = None,
    earlier: pd.DataFrame | None = None, contact: str = "", stamp: dt.datetime | None = None,
) -> dict[str, bytes]:  # fmt: skip
    """Return the calendars, partner packages and funder reports of a plan, by path in the run folder.

    Parameters
    ----------
    outreach : OutreachPlan
        The plan; its items bear their sequence already, see `domain.agenda.with_sequences`.
    timezone : str
        IANA name of the job's zone.
    title : str
        Name of the plan.
    notes : sequence of str
        What every output says, such as who approved it.
    offers : Offers, optional
        Funds of partners, and the assumptions of initiatives with their sources.
    earlier : DataFrame, optional
        The items of an earlier plan: what is there no more is sent as cancelled.
    contact : str
        Where partners send their answers.
    stamp : datetime.datetime, optional
        Aware time at which the plan was made; see `calendars`.
    """
    given = offers or Offers()
    return {
        **calendars(outreach.items, timezone=timezone, title=title, earlier=earlier, stamp=stamp),
        **partner_packages(
            outreach.items, timezone=timezone, title=title, notes=notes, funds=given.funds, contact=contact,
            earlier=earlier, stamp=stamp,
        ),
        **funder_report(outreach, title=title, notes=notes, initiatives=given.initiatives),
    }  # fmt: skip
