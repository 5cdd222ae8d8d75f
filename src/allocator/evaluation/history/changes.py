"""Change alarms of every series of a history."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from allocator.domain import Floats, Ints
from allocator.errors import DataError
from allocator.evaluation.history.monitor import FALL, GUARD, RISE, SEASON_BASELINE, SETTLE, Monitoring, monitor
from allocator.evaluation.history.trends import ALL_DISTRICTS, WeeklyCounts
from allocator.facts import Note, note, texts


@dataclass(frozen=True, eq=False)
class Changes:
    """Alarms for level shifts, and what could have been seen.

    Parameters
    ----------
    alarms : DataFrame
        `kind, district, direction, strength, start, raised, observed, expected, change, lower, upper,
        last_4_weeks, state, new, score, sentence`; the newest first. `observed`, `expected` and `last_4_weeks`
        are per week, `change` and its 95 % interval are shares (0.3: 30 % more). `strength` is "firm" where
        fewer than one false alarm a year is expected in all series together, else "watch". `state`: the alarm
        "stands", has "passed", or became the "new level". `new`: raised in the last four weeks.
    series : DataFrame
        `kind, district, weekly_mean, dispersion, detectable_rise`: every series that is watched.
    first_day, stop_day : datetime.date, optional
        Weeks in which alarms were looked for; None if the history is too short.
    notes : tuple of Note
        Assumptions and limits, in plain words.
    """

    alarms: pd.DataFrame
    series: pd.DataFrame
    first_day: dt.date | None
    stop_day: dt.date | None
    notes: tuple[Note, ...] = ()


ALARM_COLUMNS = (
    "kind", "district", "direction", "strength", "start", "raised", "observed", "expected", "change", "lower",
    "upper", "last_4_weeks", "state", "new", "score", "sentence",
)  # fmt: skip
SERIES_COLUMNS = ("kind", "district", "weekly_mean", "dispersion", "detectable_rise")


def find_changes(weekly: WeeklyCounts, *, reporting_known: bool = False) -> Changes:
    """Return the alarms of every kind, in the whole area and per district.

    Parameters
    ----------
    weekly : WeeklyCounts
        Complete weeks.
    reporting_known : bool
        Whether weeks that still fill up have been left out by their reporting times; if not, falls that start in
        the last two weeks say that late reports may explain them.
    """
    counts = weekly.counts.astype(np.float64)
    districts = weekly.districts if len(weekly.districts) > 1 else ()
    parts = counts[:, : len(districts)].reshape(len(counts) * len(districts), weekly.n_weeks)
    owner = np.repeat(np.arange(len(weekly.kinds)), len(districts))
    try:
        found, short = _monitor_each(counts[:, -1], parts, owner, weekly)
    except DataError as error:
        none = pd.DataFrame(columns=list(ALARM_COLUMNS)), pd.DataFrame(columns=list(SERIES_COLUMNS))
        return Changes(*none, None, None, (note("studies.no_alarms", because=error.message),))
    names = [(kind, ALL_DISTRICTS) for kind in weekly.kinds]
    names += [(kind, district) for kind in weekly.kinds for district in districts]
    series = pd.DataFrame(names, columns=["kind", "district"]).assign(
        weekly_mean=found.mean, dispersion=found.dispersion, detectable_rise=found.detectable
    )
    recent = np.concatenate([counts[:, -1], parts])[:, -4:].mean(axis=1)
    alarms = _alarm_table(found, weekly, names, recent, reporting_known=reporting_known)
    notes = (*_notes(found, weekly, len(names), districts), *short)
    return Changes(alarms, series, weekly.day(found.first_week), weekly.stop_day, notes)


def _monitor_each(
    wholes: Floats, parts: Floats, owner: Ints, weekly: WeeklyCounts
) -> tuple[Monitoring, tuple[Note, ...]]:
    """Return `monitor` of kinds that share their gaps, put together, and a note per kind that is covered too shortly.

    Raises
    ------
    DataError
        If no kind is covered long enough.
    """
    n_kinds, n_series = len(wholes), len(wholes) + len(parts)
    masks, group = np.unique(weekly.covered, axis=0, return_inverse=True)
    values, found = np.full((3, n_series), np.nan), None
    alarms: list[pd.DataFrame] = []
    notes: list[Note] = []
    for number, mask in enumerate(masks):
        kinds = np.flatnonzero(group.ravel() == number)
        mine = np.flatnonzero(np.isin(owner, kinds))
        series = np.concatenate([kinds, n_kinds + mine])
        try:
            found = monitor(wholes[kinds], parts=parts[mine], owner=np.searchsorted(kinds, owner[mine]), covered=mask)
        except DataError as error:
            if len(masks) == 1:
                raise
            notes += [note("studies.no_alarms_of", kind=weekly.kinds[kind], because=error.message) for kind in kinds]
            continue
        values[:, series] = found.mean, found.dispersion, found.detectable
        alarms.append(found.alarms.assign(series=series[found.alarms["series"].to_numpy(np.int64)]))
    if found is None:
        raise DataError("; ".join(texts(notes)))
    table = pd.concat(alarms, ignore_index=True)
    whole = Monitoring(table, values[0], values[1], values[2], found.first_week, found.season)
    return whole, tuple(notes)


def _alarm_table(
    found: Monitoring, weekly: WeeklyCounts, names: list[tuple[str, str]], recent: Floats, *, reporting_known: bool
) -> pd.DataFrame:
    firm = float(stats.norm.isf(stats.norm.sf(RISE) / len(names)))
    rows = []
    for one in found.alarms.sort_values(["raised", "score"], ascending=False).itertuples():
        kind, district = names[one.series]
        late = not reporting_known and one.score < 0 and one.start >= weekly.n_weeks - 2
        row = {
            "kind": kind, "district": district, "direction": "rise" if one.score > 0 else "fall",
            "strength": "firm" if abs(one.score) > max(firm, FALL if one.score < 0 else RISE) else "watch",
            "start": weekly.day(one.start), "raised": weekly.day(one.raised + 1), "observed": one.observed,
            "expected": one.expected, "change": one.ratio - 1, "lower": one.lower - 1, "upper": one.upper - 1,
            "last_4_weeks": recent[one.series], "state": one.state, "new": one.raised >= weekly.n_weeks - 4,
            "score": one.score,
        }  # fmt: skip
        rows.append({**row, "sentence": _sentence(row, late=bool(late))})
    return pd.DataFrame(rows, columns=list(ALARM_COLUMNS))


def _sentence(row: dict[str, object], *, late: bool) -> str:
    where = "in the whole area" if row["district"] == ALL_DISTRICTS else f"in district {row['district']}"
    verb = "rose" if row["direction"] == "rise" else "fell"
    text = (
        f"{row['kind']} {where} {verb} in the week of {row['start']} or near it: {row['observed']:,.1f} a week "
        f"where {row['expected']:,.1f} were expected ({row['change']:+.0%}; between {row['lower']:+.0%} and "
        f"{row['upper']:+.0%}); {row['last_4_weeks']:,.1f} a week in the last four."
    )
    return text + (" Reports that come in late could explain it." if late else "")


def _notes(found: Monitoring, weekly: WeeklyCounts, n_series: int, districts: tuple[str, ...]) -> tuple[Note, ...]:
    watched = weekly.n_weeks - found.first_week
    notes = [
        note(
            "studies.watched",
            series=n_series,
            weeks=watched,
            first=weekly.day(found.first_week),
            last=weekly.stop_day - dt.timedelta(days=1),
            false_alarms=0.8 * n_series * watched / 52,
            firm=max(watched / 52, 0.1),
        ),
    ]
    if not found.season:
        least = SEASON_BASELINE + GUARD + SETTLE
        notes.append(note("studies.no_season", weeks=weekly.n_weeks, least=least))
    if districts:
        notes.append(note("studies.districts_against_rest"))
    else:
        notes.append(note("studies.one_district"))
    for kind, covered in zip(weekly.kinds, weekly.covered, strict=True):
        if gaps := int((~covered).sum()):
            first = [weekly.day(int(week)).isoformat() for week in np.flatnonzero(~covered)]
            notes.append(note("studies.weeks_without_record", kind=kind, count=gaps, weeks=first))
    return tuple(notes)
