"""What a survey says about areas: design-based means, and small areas shrunk towards the whole."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from allocator.domain import Bools, Floats, Ints
from allocator.errors import DataError
from allocator.keywords import keywords

Counted = float | Mapping[Hashable, float] | None

WHOLE = "all"
"""Domain of the last row of `survey_means`: everyone asked."""

MEAN_COLUMNS = {
    "domain": "str", "n": "int64", "clusters": "int64", "mean": "float64", "se": "float64", "lower": "float64",
    "upper": "float64", "df": "int64", "note": "str",
}  # fmt: skip
"""Columns of `survey_means`."""
_LONELY = "a stratum with one cluster is centred at the mean of all"


@dataclass(frozen=True, eq=False)
class _Design:
    """Rows of a survey: answers, weights, clusters, and the stratum of each cluster."""

    answer: Floats
    weight: Floats
    cluster: Ints
    stratum: Ints
    size: Floats
    kept: Floats
    domain: Ints
    domains: tuple[str, ...]

    @property
    def used(self) -> Bools:
        return np.isfinite(self.answer) & (self.weight > 0)


class SurveyOptions(TypedDict, total=False):
    """How a survey was drawn; see `survey_means`."""

    weight: npt.ArrayLike | None
    stratum: npt.ArrayLike | None
    cluster: npt.ArrayLike | None
    domain: npt.ArrayLike | None
    population: Counted


@dataclass(frozen=True, eq=False)
class _Drawn:
    weight: npt.ArrayLike | None = None
    stratum: npt.ArrayLike | None = None
    cluster: npt.ArrayLike | None = None
    domain: npt.ArrayLike | None = None
    population: Counted = None


@keywords(_Drawn)
def survey_means(values: npt.ArrayLike, *, confidence: float = 0.95, **drawn: Unpack[SurveyOptions]) -> pd.DataFrame:
    """Return the mean of each domain and of the whole, with standard errors that honour how the sample was drawn.

    A mean is the ratio Σ w y / Σ w. Its variance is that of the linearised scores w (y - mean) / Σ w, summed over each
    primary sampling unit and compared within strata (Taylor linearisation of the ultimate clusters): Σ over strata of
    (1 - f) n / (n - 1) Σ (score - mean score)². For a domain, the rows outside have a score of 0 but their strata and
    clusters stay counted, since the size of the domain was left to chance (Särndal, Swensson and Wretman 1992,
    "Model Assisted Survey Sampling", 5.6-5.8 and 10.3). The interval takes a t quantile.

    Parameters
    ----------
    values : (n,) array of numbers
        Answers; 0 and 1 give a proportion. NaN: no answer, which is treated as lying outside of the domain.
    weight : (n,) array, optional
        Survey weights, 0 or more; without them all weigh the same.
    stratum, cluster : (n,) array, optional
        Labels. Clusters are taken within their strata, so that each stratum may count its own from 1 on.
    domain : (n,) array, optional
        Labels; rows without one count for the whole only.
    confidence : float
        Level of the intervals.
    population : float, or mapping of stratum to float, optional
        Clusters that there are (persons, where there are no clusters), for the finite population correction.

    Returns
    -------
    DataFrame
        `MEAN_COLUMNS`: one row per domain in order of label, then the whole. `df` are the clusters with answers less
        the strata that they lie in, at least 1 (Korn and Graubard 1999, "Analysis of Health Surveys", 5.2).
        A stratum with a single cluster is centred at the mean of all, which errs on the side of caution, and `note`
        says so. Where all answers of a domain come from one cluster, nothing tells their spread: no interval.

    Raises
    ------
    DataError
        With every fault of the answers, weights, strata, clusters and population; also if fewer than two clusters
        answered.
    """
    design = _design(values, _Drawn(**drawn))
    rows = [
        _domain_row(design, rows, label, confidence)
        for label, rows in ((name, design.domain == n) for n, name in enumerate(design.domains))
    ]
    rows.append(_domain_row(design, np.ones(len(design.answer), np.bool_), WHOLE, confidence))
    return pd.DataFrame(rows, columns=list(MEAN_COLUMNS)).astype(MEAN_COLUMNS)


def _design(values: npt.ArrayLike, drawn: _Drawn) -> _Design:
    faults: list[str] = []
    answer = _numbers(values, "answers", faults)
    weight = np.ones(len(answer)) if drawn.weight is None else _numbers(drawn.weight, "weights", faults)
    columns = {"weights": drawn.weight, "strata": drawn.stratum, "clusters": drawn.cluster, "domains": drawn.domain}
    for name, column in columns.items():
        if column is not None and (n := len(np.atleast_1d(np.asarray(column)))) != len(answer):
            faults.append(f"there are {len(answer):,} answers and {n:,} {name}")
    if faults:
        raise DataError("the survey cannot be used", faults=faults)
    faults += _wrong_weights(weight)
    strata, names = _codes(drawn.stratum, len(answer), "stratum", faults)
    psu: Ints = np.arange(len(answer))
    if drawn.cluster is not None:
        psu, _ = _codes(drawn.cluster, len(answer), "cluster", faults)
    if faults:
        raise DataError("the survey cannot be used", faults=faults)
    within = strata * (int(psu.max(initial=0)) + 1) + psu  # one number for a cluster of a stratum
    _, first, code = np.unique(within, return_index=True, return_inverse=True)
    size = np.bincount(strata[first], minlength=len(names)).astype(np.float64)
    kept = 1 - size / _population(drawn.population, names, size)
    inside, domains = _domains(drawn.domain, len(answer))
    design = _Design(answer, weight, code.astype(np.int64), strata[first], size, kept, inside, domains)
    if (n := len(np.unique(design.cluster[design.used]))) < 2:
        answers = int(design.used.sum())
        raise DataError(
            f"outreach.survey: the survey has {answers:,} answers with a weight, of {n} sampling units: "
            "two are the least that tell how "
            "far answers vary; ask more residents or leave the survey out",
            count=answers,
        )
    return design


def _numbers(values: npt.ArrayLike, what: str, faults: list[str]) -> Floats:
    """Return numbers, NaN where none is given; answers in words are never repeated, for they may name a person."""
    given = np.atleast_1d(np.asarray(values))
    if given.dtype.kind in "biuf":
        numbers: Floats = given.astype(np.float64)
    else:
        words = pd.Series(np.atleast_1d(np.asarray(values, object)))
        numbers = pd.to_numeric(words, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        blank = words.isna() | words.astype("str").str.strip().str.lower().isin(["", "nan"])
        if wrong := int((np.isnan(numbers) & ~blank.to_numpy()).sum()):
            faults.append(f"{wrong:,} of {len(numbers):,} {what} are no numbers")
    if n := int(np.isinf(numbers).sum()):
        faults.append(f"{n:,} of {len(numbers):,} {what} are infinite")
    return numbers


def _wrong_weights(weight: Floats) -> list[str]:
    faults = []
    if n := int((weight < 0).sum()):
        faults.append(f"{n:,} of {len(weight):,} weights are negative")
    if n := int(np.isnan(weight).sum()):
        faults.append(f"{n:,} of {len(weight):,} weights are missing")
    if len(weight) and not faults and not (weight > 0).any():
        faults.append(f"all {len(weight):,} weights are 0")
    return faults


def _codes(labels: npt.ArrayLike | None, n: int, what: str, faults: list[str]) -> tuple[Ints, tuple[Hashable, ...]]:
    """Return numbers of the labels, and the labels."""
    if labels is None:
        return np.zeros(n, np.int64), (None,)
    given = pd.Series(np.asarray(labels))
    missing = given.isna()
    if given.dtype.kind not in "biuf":
        missing |= given.astype("str").str.strip() == ""
    if count := int(missing.sum()):
        faults.append(f"{count:,} of {n:,} rows have no {what}")
    code, names = pd.factorize(given, sort=False)
    return np.asarray(code, np.int64), tuple(names)


def _domains(domain: npt.ArrayLike | None, n: int) -> tuple[Ints, tuple[str, ...]]:
    """Return the domain of each row, -1 for none, and the labels in order."""
    inside = np.full(n, -1, np.int64)
    if domain is None:
        return inside, ()
    labels = pd.Series(np.asarray(domain, object))
    known = (labels.notna() & (labels.astype("str").str.strip() != "")).to_numpy()
    names, place = np.unique(labels[known].astype("str").to_numpy(object), return_inverse=True)
    inside[known] = place
    if WHOLE in names:
        raise DataError(
            f"{int((place == list(names).index(WHOLE)).sum()):,} rows lie in a domain named {WHOLE!r}, which "
            "is the name of the whole: rename it"
        )
    return inside, tuple(str(name) for name in names)


def _population(population: Counted, names: tuple[Hashable, ...], size: Floats) -> Floats:
    """Return how many clusters there are in each stratum, inf where it is not told."""
    if population is None:
        return np.full(len(names), np.inf)
    told = population if isinstance(population, Mapping) else dict.fromkeys(names, population)
    faults = [f"stratum {name!r} is not among the population counts" for name in names if name not in told]
    faults += [
        f"stratum {name!r} has {told[name]:,g} in the population and {n:,.0f} in the sample"
        for name, n in zip(names, size, strict=True)
        if name in told and not told[name] >= n
    ]
    if faults:
        raise DataError("the population counts do not fit the survey", faults=faults, count=len(faults))
    return np.array([float(told[name]) for name in names])


def _domain_row(design: _Design, rows: Bools, label: str, confidence: float) -> dict[str, object]:
    used = rows & design.used
    n, no = int(used.sum()), math.nan
    row = {"domain": label, "n": n, "clusters": 0, "mean": no, "se": no, "lower": no, "upper": no, "df": 0}
    if not n:
        return {**row, "note": "no answers with a weight"}
    weight, answer, cluster = design.weight[used], design.answer[used], design.cluster[used]
    mean = float((weight * answer).sum() / weight.sum())
    clusters, place = np.unique(cluster, return_inverse=True)
    score = np.bincount(place, weight * (answer - mean) / weight.sum()).astype(np.float64)
    strata = design.stratum[clusters]
    df = max(len(clusters) - len(np.unique(strata)), 1)
    row |= {"clusters": len(clusters), "mean": mean, "df": df}
    if len(clusters) < 2:
        return {**row, "df": 0, "note": "all answers come from one sampling unit: no interval"}
    se = math.sqrt(_variance(score, strata, design))
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * se
    notes = [_LONELY] * bool((design.size[np.unique(strata)] == 1).any())
    notes += ["all answers are the same"] * bool(np.ptp(answer) == 0)
    return {**row, "se": se, "lower": mean - half, "upper": mean + half, "note": "; ".join(notes)}


def _variance(score: Floats, strata: Ints, design: _Design) -> float:
    """Return the variance of a sum of scores; clusters that are not named have a score of 0."""
    n_strata = len(design.size)
    squares, sums = (np.bincount(strata, scores, n_strata) for scores in (score**2, score))
    several = design.size > 1
    size = np.where(several, design.size, 2)
    spread = np.where(several, size / (size - 1) * (squares - sums**2 / size), squares)
    return max(float((design.kept * spread).sum()), 0.0)
