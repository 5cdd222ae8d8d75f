"""Estimates of a survey by small area, shrunk towards the whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from allocator.domain import Floats, Survey
from allocator.facts import Note, note
from allocator.planning.needs.survey import survey_means

DIRECT, SHRUNK, UNKNOWN = "direct", "shrunk", "unknown"
"""How an area's estimate came about."""

AREA_COLUMNS = {
    "area": "str", "n": "int64", "mean": "float64", "lower": "float64", "upper": "float64", "se": "float64",
    "status": "str", "own_share": "float64", "own_mean": "float64", "note": "str",
}  # fmt: skip
"""Columns of `AreaEstimates.frame`: `own_share` is the part that the area's own answers have in its estimate, and
`own_mean` what they alone say."""

_FEWEST_AREAS = 3


@dataclass(frozen=True, eq=False)
class AreaEstimates:
    """What a survey says about each area.

    Parameters
    ----------
    question : str
        Column of the answers.
    frame : DataFrame
        `AREA_COLUMNS`, one row per area; NaN where nothing is known.
    mean, lower, upper : float
        The whole.
    n : int
        Answers.
    confidence : float
        Level of the intervals.
    synthetic : bool
        Whether the survey is invented.
    notes : tuple of Note
        What a reader must know.
    """

    question: str
    frame: pd.DataFrame
    mean: float
    lower: float
    upper: float
    n: int
    confidence: float = 0.95
    synthetic: bool = False
    notes: tuple[Note, ...] = ()


def area_estimates(
    survey: Survey, *, confidence: float = 0.95, min_answers: int = 30, small: Literal["shrink", "unknown"] = "shrink"
) -> AreaEstimates:
    """Return what a survey says about each area; areas with few answers are shrunk towards the whole, or unknown.

    With `min_answers` answers or more an area stands for itself (`survey_means`). With fewer, and `small` = "shrink",
    its estimate is γ × own mean + (1 - γ) × mean of the whole, γ = σ² / (σ² + ψ), the area model of Fay and Herriot
    (1979, "Estimates of income for small places", JASA 74) without covariates. The sampling variance is
    ψ = deff × S² / n: few answers do not tell their own variance, so S² is that of all answers, and deff the pooled
    design effect of the areas that have enough (else of the whole), at least 1. σ², the variance between areas, solves
    Σ (own mean - whole)² / (σ² + ψ) = areas - 1. The interval adds what the estimation of σ² and of the whole costs
    (Prasad and Rao 1990, JASA 85): mse = γψ + (1 - γ)² var(whole) + 2 ψ² (σ² + ψ)⁻³ var(σ²). An area without answers
    is unknown in any case, for a guess is no survey.

    Parameters
    ----------
    survey : Survey
        The answers.
    confidence : float
        Level of the intervals. Those of proportions stay between 0 and 1.
    min_answers : int
        Answers from which on an area stands for itself.
    small : {"shrink", "unknown"}
        What is done with areas that have fewer.

    Raises
    ------
    DataError
        As `survey_means`.
    """
    labels = np.array([*survey.areas, None], object)[survey.area]
    table = survey_means(
        survey.answer, weight=survey.weight, stratum=survey.stratum, cluster=survey.cluster, domain=labels,
        confidence=confidence,
    )  # fmt: skip
    whole = table.iloc[-1]
    own = table.iloc[:-1].set_index("domain").reindex(list(survey.areas))
    n = own["n"].fillna(0).to_numpy(np.float64)
    pooled = _Pooled.of(survey, own, n, whole, min_answers)
    enough = (n >= min_answers) & own["se"].notna().to_numpy()
    binary = bool(np.isin(survey.answer[np.isfinite(survey.answer)], (0.0, 1.0)).all())
    rows = [_area_row(str(name), pooled, bool(enough[k]), small, confidence, k) for k, name in enumerate(survey.areas)]
    frame = pd.DataFrame(rows, columns=list(AREA_COLUMNS)).astype(AREA_COLUMNS)
    if binary:
        frame[["lower", "upper"]] = frame[["lower", "upper"]].clip(0, 1)
    return AreaEstimates(
        survey.question, frame, float(whole["mean"]), float(whole["lower"]), float(whole["upper"]), int(whole["n"]),
        confidence, survey.synthetic, (*survey.notes, *_area_notes(survey, frame, whole, pooled, min_answers)),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Pooled:
    """What all areas together tell: own estimates, sampling variances, and the variance between areas."""

    n: Floats
    mean: Floats
    se: Floats
    df: Floats
    psi: Floats
    whole: float
    whole_var: float
    deff: float
    between: float
    between_var: float

    @classmethod
    def of(cls, survey: Survey, own: pd.DataFrame, n: Floats, whole: pd.Series, min_answers: int) -> _Pooled:
        weight = np.ones(len(survey.answer)) if survey.weight is None else survey.weight
        used = np.isfinite(survey.answer) & (weight > 0)
        answer, weight, total = survey.answer[used], weight[used], int(used.sum())
        whole_mean, whole_var = float(whole["mean"]), float(np.nan_to_num(whole["se"])) ** 2
        square = float((weight * (answer - whole_mean) ** 2).sum() / weight.sum()) * total / (total - 1)
        mean, se = (own[name].to_numpy(np.float64) for name in ("mean", "se"))
        large = (n >= max(min_answers, 2)) & np.isfinite(se)
        if large.any() and square:
            deff = float((se[large] ** 2).sum() / (square / n[large]).sum())
        else:
            deff = whole_var / (square / total) if square else 1.0
        deff = max(deff, 1.0)
        some_answers = n > 0
        psi = np.where(some_answers, deff * square / np.maximum(n, 1), np.nan)
        between = _between(mean[some_answers] - whole_mean, psi[some_answers])
        inverse = (1 / (between + psi[some_answers])).sum() if square and some_answers.any() else np.inf
        df = own["df"].fillna(0).to_numpy(np.float64)
        return cls(
            n, mean, se, df, psi, whole_mean, whole_var, deff, between, float(2 * some_answers.sum() / inverse**2)
        )

    @property
    def n_answered(self) -> int:
        return int((self.n > 0).sum())


def _between(away: Floats, psi: Floats) -> float:
    """Return the variance between areas for which Σ away² / (σ² + ψ) = areas - 1; 0 if chance explains it all."""
    if len(away) < _FEWEST_AREAS or not (psi > 0).all():
        return 0.0

    def excess(variance: float) -> float:
        return float((away**2 / (variance + psi)).sum()) - (len(away) - 1)

    if excess(0.0) <= 0:
        return 0.0
    most = float((away**2).sum())  # there each term is below 1, and the sum below areas - 1 for three areas or more
    return float(brentq(excess, 0.0, most, xtol=1e-12))


def _area_row(name: str, pooled: _Pooled, enough: bool, small: str, confidence: float, k: int) -> dict[str, object]:
    n, mean, no = int(pooled.n[k]), float(pooled.mean[k]), math.nan
    row = {"area": name, "n": n, "own_mean": mean, "mean": no, "se": no, "lower": no, "upper": no, "own_share": no}
    if not n:
        return {**row, "status": UNKNOWN, "note": "no answers"}
    if enough:
        se = float(pooled.se[k]) or math.sqrt(pooled.psi[k])
        note = "" if pooled.se[k] > 0 else "all answers are the same: the interval is that of the pooled variance"
        half = float(stats.t.ppf((1 + confidence) / 2, max(pooled.df[k], 1))) * se
        found = {"mean": mean, "se": se, "lower": mean - half, "upper": mean + half, "own_share": 1.0}
        return {**row, **found, "status": DIRECT, "note": note}
    few = f"{n} answer{'s' * (n != 1)}"
    if small == "unknown":
        return {**row, "status": UNKNOWN, "note": f"{few}: too few"}
    if pooled.n_answered < _FEWEST_AREAS:
        return {**row, "status": UNKNOWN, "note": f"{few}: too few, and too few areas to learn from"}
    psi, between = float(pooled.psi[k]), pooled.between
    share = between / (between + psi) if between + psi > 0 else 0.0
    error = share * psi + (1 - share) ** 2 * pooled.whole_var
    if between + psi > 0:
        error += 2 * psi**2 / (between + psi) ** 3 * pooled.between_var
    centre, half = share * mean + (1 - share) * pooled.whole, float(stats.norm.ppf((1 + confidence) / 2))
    se = math.sqrt(error)
    found = {"mean": centre, "se": se, "lower": centre - half * se, "upper": centre + half * se, "own_share": share}
    return {**row, **found, "status": SHRUNK, "note": f"{few}, shrunk towards the whole: own answers weigh {share:.0%}"}


def _area_notes(survey: Survey, frame: pd.DataFrame, whole: pd.Series, pooled: _Pooled, min_answers: int) -> list[Note]:
    notes = [note("outreach.survey_synthetic", survey=survey.source)] if survey.synthetic else []
    status = frame["status"]
    if n := int((status == SHRUNK).sum()):
        notes.append(note(
            "outreach.areas_shrunk", count=n, total=len(frame), least=min_answers, deff=pooled.deff,
            between=math.sqrt(pooled.between),
        ))  # fmt: skip
    if n := int((status == UNKNOWN).sum()):
        notes.append(
            note("outreach.areas_unknown", count=n, total=len(frame), areas=frame.loc[status == UNKNOWN, "area"])
        )
    if whole["note"]:
        notes.append(note("outreach.survey_whole", said=whole["note"]))
    if n := int(((survey.area < 0) & np.isfinite(survey.answer)).sum()):
        notes.append(note("outreach.answers_without_area", count=n))
    return notes
