"""What areas need: expected harm, times what trend, survey and requests make of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import NeedsSection
from allocator.domain import NEED_COLUMNS, Floats, Needs, OutreachAreas
from allocator.errors import DataError
from allocator.facts import Note, note
from allocator.keywords import keywords
from allocator.planning.needs.area_estimates import AreaEstimates
from allocator.planning.needs.counts import AreaCounts, shrunk_trend

_COUNT = 1000.0


class NeedsOptions(TypedDict, total=False):
    """What else the needs of areas may rest on; see `area_needs`."""

    counts: AreaCounts | None
    survey: AreaEstimates | None
    requests: npt.ArrayLike | None
    options: NeedsSection | None


@dataclass(frozen=True, eq=False)
class _Grounds:
    """What the needs rest on, beside the forecast."""

    counts: AreaCounts | None = None
    survey: AreaEstimates | None = None
    requests: npt.ArrayLike | None = None
    options: NeedsSection | None = None


@keywords(_Grounds)
def area_needs(
    areas: OutreachAreas, kinds: Sequence[str], harm_week: npt.ArrayLike, expected_week: npt.ArrayLike,
    **grounds: Unpack[NeedsOptions],
) -> Needs:  # fmt: skip
    """Return what each area needs, by kind.

    need = harm × factor, factor = exp(trend_weight · ln(trend) + survey_weight · survey + requests_weight · requests)
    kept between 1 / most_factor and most_factor. `trend` is that of `shrunk_trend`, 1 where unknown; `survey` and
    `requests` per 1,000 residents are standardised over the areas in which they are known, and 0 where unknown.

    Parameters
    ----------
    areas : OutreachAreas
        The areas.
    kinds : sequence of str
        The kinds.
    harm_week, expected_week : (n_areas, n_kinds) array
        Harm and events expected in a week.
    counts : AreaCounts, optional
        For the trend, from `area_counts`, with the same kinds.
    survey : AreaEstimates, optional
        From `area_estimates`, with the same areas.
    requests : (n_areas,) array, optional
        Requests of each area, as counts.
    options : NeedsSection, optional
        The weights; by default all are 0, and the need is the harm.

    Raises
    ------
    DataError
        If shapes do not fit or harm, events or requests are negative or missing; every fault at once.
    """
    given, kinds = _Grounds(**grounds), tuple(kinds)
    options, counts, survey = given.options or NeedsSection(), given.counts, given.survey
    harm, expected = (np.atleast_2d(np.asarray(table, np.float64)) for table in (harm_week, expected_week))
    asked = None if given.requests is None else np.asarray(given.requests, np.float64)
    _check(areas, kinds, {"harm": harm, "expected events": expected}, asked, given)
    shape = (len(areas.names), len(kinds))
    trend, lower, upper = _trends(counts, shape)
    surveyed = np.full(shape[0], np.nan) if survey is None else survey.frame["mean"].to_numpy(np.float64)
    residents = np.asarray(areas.residents, np.float64)
    rate = np.full(shape[0], np.nan)
    if asked is not None:
        np.divide(_COUNT * asked, residents, out=rate, where=residents > 0)
    power = options.trend_weight * np.log(np.where(np.isfinite(trend), trend, 1.0))
    power += (options.survey_weight * standardised(surveyed) + options.requests_weight * standardised(rate))[:, None]
    bound = math.log(options.most_factor)
    factor = np.exp(np.clip(power, -bound, bound))
    need = harm * factor
    columns = {
        "expected": expected, "harm": harm, "trend": np.where(np.isfinite(trend), trend, 1.0), "trend_lower": lower,
        "trend_upper": upper, "factor": factor, "need": need, **_count_columns(counts, shape),
        **_per_area({"requests": rate, **_survey_columns(survey, shape[0])}, shape[1]),
        "area": np.repeat(np.array(areas.names, object)[:, None], shape[1], axis=1),
        "kind": np.tile(np.array(kinds, object), (shape[0], 1)),
    }  # fmt: skip
    frame = pd.DataFrame({name: columns[name].ravel() for name in NEED_COLUMNS}).astype(NEED_COLUMNS)
    return Needs(areas.names, kinds, need, frame, _formula(options, counts), _notes(options, counts, survey, rate))


def standardised(values: npt.ArrayLike) -> Floats:
    """Return how many standard deviations each value is from the mean of the known ones; 0 where it is unknown.

    All are 0 where fewer than two are known, or all known ones are equal.
    """
    given = np.asarray(values, np.float64)
    known = np.isfinite(given)
    if known.sum() < 2 or np.ptp(given[known]) <= 1e-12 * np.abs(given[known]).max():
        return np.zeros(len(given))
    return np.where(known, (np.where(known, given, 0.0) - given[known].mean()) / given[known].std(), 0.0)


def _check(
    areas: OutreachAreas, kinds: tuple[str, ...], tables: Mapping[str, Floats], asked: Floats | None, given: _Grounds
) -> None:
    shape, faults = (len(areas.names), len(kinds)), []
    for name, table in tables.items():
        if table.shape != shape:
            faults.append(f"{name}: there are {shape[0]} areas and {shape[1]} kinds, and the table is {table.shape}")
        elif n := int((~np.isfinite(table) | (table < 0)).sum()):
            faults.append(f"{name}: {n:,} of {table.size:,} values are negative or missing")
    if asked is not None and (asked.shape != shape[:1] or not (np.isfinite(asked) & (asked >= 0)).all()):
        faults.append(f"requests: one count of 0 or more is needed for each of the {shape[0]} areas")
    if given.counts is not None and given.counts.recent.shape != shape:
        faults.append(f"counts: there are {shape[0]} areas and {shape[1]} kinds, not {given.counts.recent.shape}")
    if given.survey is not None and tuple(given.survey.frame["area"]) != tuple(areas.names):
        faults.append("survey: its areas are not those of the plan, in the same order")
    if faults:
        raise DataError("the needs of the areas cannot be told", faults=faults, count=len(faults))


def _trends(counts: AreaCounts | None, shape: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    tables = [np.full(shape, np.nan) for _ in range(3)]
    if counts is not None:
        for kind in np.flatnonzero(counts.known):
            exposure = float(counts.recent_days[kind] / counts.before_days[kind])
            for table, one in zip(
                tables, shrunk_trend(counts.recent[:, kind], counts.before[:, kind], exposure=exposure), strict=True
            ):
                table[:, kind] = one
    return tables[0], tables[1], tables[2]


def _count_columns(counts: AreaCounts | None, shape: tuple[int, int]) -> dict[str, npt.NDArray[np.generic]]:
    if counts is None:
        return {name: np.zeros(shape, np.int64) for name in ("recent", "before", "days")}
    return {"recent": counts.recent, "before": counts.before, "days": np.full(shape, counts.days)}


def _survey_columns(survey: AreaEstimates | None, n_areas: int) -> dict[str, Floats]:
    if survey is None:
        no = np.full(n_areas, np.nan)
        return {"survey": no, "survey_lower": no, "survey_upper": no, "survey_n": np.zeros(n_areas)}
    names = {"survey": "mean", "survey_lower": "lower", "survey_upper": "upper", "survey_n": "n"}
    return {ours: survey.frame[theirs].to_numpy(np.float64) for ours, theirs in names.items()}


def _per_area(columns: dict[str, Floats], n_kinds: int) -> dict[str, Floats]:
    return {name: np.repeat(one[:, None], n_kinds, axis=1) for name, one in columns.items()}


def _formula(options: NeedsSection, counts: AreaCounts | None) -> Note:
    """Return the formula with its weights, for the report."""
    weights = {"ln(trend)": options.trend_weight, "survey": options.survey_weight, "requests": options.requests_weight}
    sum_of = " + ".join(f"{weight:g} × {name}" for name, weight in weights.items())
    days = options.days if counts is None else counts.days
    return note(
        "outreach.formula", terms=sum_of, least=1 / options.most_factor, most=options.most_factor, days=days,
        earlier=f"those {counts.earlier}" if counts is not None and counts.earlier else "earlier ones",
    )  # fmt: skip


def _notes(
    options: NeedsSection, counts: AreaCounts | None, survey: AreaEstimates | None, rate: Floats
) -> tuple[Note, ...]:
    notes = [*(counts.notes if counts is not None else ()), *(survey.notes if survey is not None else ())]
    wanted = (
        ("trend_weight", options.trend_weight, counts is None, "no history was counted"),
        ("survey_weight", options.survey_weight, survey is None, "there is no survey"),
        ("requests_weight", options.requests_weight, bool(np.isnan(rate).all()), "no requests are known"),
    )
    notes += [
        note("outreach.weight_without_effect", weight=name, value=weight, because=why)
        for name, weight, idle, why in wanted
        if weight and idle
    ]
    if survey is not None and not options.survey_weight:
        notes.append(note("outreach.survey_shown_only"))
    if (n := int(np.isnan(rate).sum())) and n < len(rate):
        notes.append(note("outreach.areas_without_residents", count=n))
    return tuple(notes)
