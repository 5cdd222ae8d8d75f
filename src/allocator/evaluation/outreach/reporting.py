"""Did outreach prevent harm, or did it make people report more? Reported events and victimisation, kept apart.

What an agency counts is victimisation × the share of it that is reported. Outreach means to lower the first and raise
the second, so the count alone can go either way: with victimisation 15 % lower and reporting up from 40 % to 52 %, it
rises by 10.5 %. Only a survey of residents tells the two apart. Nothing here adds them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from allocator.domain import Figures, Ints, freeze
from allocator.errors import DataError
from allocator.evaluation.plans import plain, wrapped
from allocator.facts import Note, note, records

FELL, ROSE, UNCLEAR, UNTOLD = "victimisation fell", "victimisation rose", "cannot tell", "no survey"
"""Verdicts. `UNCLEAR`: the survey is too small to tell; `UNTOLD`: without a survey nothing can tell."""

NOT_ADDED = "reported events and victimisation by survey are two measures of two things: they are never added"


def expected_reported_change(prevented: float, rise: float, *, share: float | None = None) -> float:
    """Return the change of reported events, as a share, that outreach is expected to bring about.

    (1 - prevented) (1 + rise) - 1, since reported = victimisation × reported share.

    Parameters
    ----------
    prevented : float
        Share of victimisation prevented, up to 1; negative if it grows.
    rise : float
        Rise of the reported share, as a share of it: 0.3 from 40 % to 52 %.
    share : float, optional
        Reported share before; with it the rise goes no further than to all being reported.

    Raises
    ------
    DataError
        If a number cannot be.
    """
    faults = []
    if not prevented <= 1 or not math.isfinite(prevented):
        faults.append(f"prevented = {prevented:g}: no more than all (1) can be prevented")
    if not (rise >= -1 and math.isfinite(rise)):
        faults.append(f"rise = {rise:g}: the reported share cannot fall by more than all of it (-1)")
    if share is not None and not 0 < share <= 1:
        faults.append(f"share = {share:g}: the reported share is above 0 and at most 1")
    if faults:
        raise DataError("the expected change of reported events cannot be told", faults=faults)
    most = math.inf if share is None else 1 / share - 1
    return (1 - prevented) * (1 + min(rise, most)) - 1


@dataclass(frozen=True, eq=False)
class ReportedCounts:
    """Events reported before and after outreach, area by area.

    Parameters
    ----------
    treated_before, treated_after : (n,) int
        Areas with outreach.
    comparison_before, comparison_after : (m,) int
        Areas without; none: changes elsewhere cannot be taken out.
    days_before, days_after : float
        Days counted.
    """

    treated_before: Ints
    treated_after: Ints
    comparison_before: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    comparison_after: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    days_before: float = 1.0
    days_after: float = 1.0

    def __post_init__(self) -> None:
        faults = []
        for name in ("treated", "comparison"):
            before, after = (np.atleast_1d(np.asarray(getattr(self, f"{name}_{when}"))) for when in ("before", "after"))
            if before.shape != after.shape or before.ndim != 1:
                faults.append(f"{name} areas: {before.shape} counts before and {after.shape} after")
            for when, one in (("before", before), ("after", after)):
                numbers = pd.to_numeric(pd.Series(one.ravel()), errors="coerce").to_numpy(np.float64)
                if n := int((~np.isfinite(numbers) | (numbers < 0) | (numbers != np.round(numbers))).sum()):
                    faults.append(f"{name} areas {when}: {n:,} counts are no whole numbers of 0 or more")
                object.__setattr__(self, f"{name}_{when}", one)
        if not np.size(self.treated_before):
            faults.append("there are no treated areas")
        faults += [f"{n} = {d:g}: days are above 0" for n, d in self._days.items() if not (d > 0 and math.isfinite(d))]
        if faults:
            raise DataError("the reported events cannot be compared", faults=faults, count=len(faults))
        freeze(self)

    @property
    def _days(self) -> dict[str, float]:
        return {"days_before": self.days_before, "days_after": self.days_after}

    @property
    def compared(self) -> bool:
        """Whether there are comparison areas."""
        return np.size(self.comparison_before) > 0


@dataclass(frozen=True)
class Victimisation:
    """An estimate by survey: share of residents harmed, or incidents per resident, with its standard error.

    Parameters
    ----------
    mean, se : float
        From `survey_means`.
    df : float
        Degrees of freedom of the standard error.
    n : int
        Answers.
    """

    mean: float
    se: float
    df: float = math.inf
    n: int = 0

    @classmethod
    def of(cls, means: pd.DataFrame, domain: str = "all") -> Victimisation:
        """Return the estimate of a domain of `survey_means`."""
        row = means.set_index("domain").loc[domain]
        return cls(float(row["mean"]), float(row["se"]), float(row["df"]), int(row["n"]))

    @property
    def usable(self) -> bool:
        """Whether a ratio can be made of it."""
        return math.isfinite(self.mean) and math.isfinite(self.se) and self.mean > 0 and self.se >= 0


@dataclass(frozen=True)
class Change:
    """A ratio after to before, with its interval.

    Parameters
    ----------
    ratio, lower, upper : float
        1: no change.
    log_se : float
        Standard error of its logarithm.
    df : float
        Degrees of freedom of that.
    """

    ratio: float
    lower: float
    upper: float
    log_se: float
    df: float = math.inf

    @classmethod
    def of_log(cls, log: float, se: float, df: float, confidence: float) -> Change:
        """Return the change of a log ratio."""
        half = float(stats.t.ppf((1 + confidence) / 2, df)) * se
        return cls(math.exp(log), math.exp(log - half), math.exp(min(log + half, 700.0)), se, df)

    @property
    def direction(self) -> int:
        """1: rose, -1: fell, beyond what chance may do; 0: neither is clear."""
        return int(self.lower > 1) - int(self.upper < 1)

    def __str__(self) -> str:
        return f"{self.ratio - 1:+.1%} [{self.lower - 1:+.1%} to {self.upper - 1:+.1%}]"


def reported_change(counts: ReportedCounts, *, confidence: float = 0.95, compare: bool = True) -> Change:
    """Return the change of reported events in treated areas over that in comparison areas.

    (Σ after / Σ before) of the treated over that of the comparison areas; the variance of its logarithm is
    φ (Σ 1 / count), φ ≥ 1 the overdispersion: Pearson's χ² of the areas of a group around a change that they share, per
    degree of freedom (quasi-Poisson; McCullagh and Nelder 1989, "Generalized Linear Models", 6.2.3). If a sum is 0,
    half an event is added to each.

    Parameters
    ----------
    counts : ReportedCounts
        The events.
    confidence : float
        Level of the interval, by a t quantile of the degrees of freedom of φ.
    compare : bool
        Whether the comparison areas, if any, are used.
    """
    pairs = [(counts.treated_before, counts.treated_after)]
    pairs += [(counts.comparison_before, counts.comparison_after)] * (compare and counts.compared)
    sums = np.array([[float(np.sum(answers)) for answers in pair] for pair in pairs])
    sums += 0.5 * bool((sums == 0).any())
    logs = np.log(sums[:, 1] / sums[:, 0]) - math.log(counts.days_after / counts.days_before)
    log = float(logs[0] - logs[1:].sum())
    phi, df = _overdispersion(pairs)
    return Change.of_log(log, math.sqrt(phi * float((1 / sums).sum())), df, confidence)


def _overdispersion(pairs: list[tuple[Ints, Ints]]) -> tuple[float, float]:
    """Return φ and its degrees of freedom; 1 and inf where each group has one area, which tells nothing of it."""
    square, df = 0.0, 0
    for before, after in pairs:
        table = np.stack([before, after]).astype(np.float64)
        table = table[:, table.sum(axis=0) > 0]
        if table.shape[1] < 2:
            continue
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        square += float(
            np.divide((table - expected) ** 2, expected, out=np.zeros_like(table), where=expected > 0).sum()
        )
        df += table.shape[1] - 1
    return (max(square / df, 1.0), float(df)) if df else (1.0, math.inf)


def victimisation_change(
    before: Victimisation, after: Victimisation, *,
    elsewhere: tuple[Victimisation, Victimisation] | None = None, confidence: float = 0.95,
) -> Change | None:  # fmt: skip
    """Return the change of victimisation by survey; None where the estimates do not allow one.

    The logarithm of after / before, less that elsewhere, with variance Σ (se / mean)² (delta method), for surveys drawn
    independently of each other.

    Parameters
    ----------
    before, after : Victimisation
        Two surveys of the treated areas.
    elsewhere : pair of Victimisation, optional
        Two of comparison areas.
    confidence : float
        Level of the interval, by a t quantile of the fewest degrees of freedom.
    """
    waves = (before, after, *(elsewhere or ()))
    if not all(wave.usable for wave in waves):
        return None
    logs = [math.log(wave.mean) for wave in waves]
    log = logs[1] - logs[0] - (logs[3] - logs[2] if elsewhere else 0.0)
    se = math.sqrt(sum((wave.se / wave.mean) ** 2 for wave in waves))
    return Change.of_log(log, se, max(min(wave.df for wave in waves), 1.0), confidence)


@dataclass(frozen=True, eq=False)
class OutreachEffect:
    """What became of reported events and, kept apart from it, of victimisation.

    Parameters
    ----------
    reported : Change
        Reported events, treated over comparison areas.
    victimisation : Change, optional
        By survey; None without one.
    share : Change, optional
        The reported share that follows from the two: reported over victimisation.
    verdict : str
        `FELL`, `ROSE`, `UNCLEAR` or `UNTOLD`; of victimisation alone.
    words : str
        The verdict in a sentence.
    confidence : float
        Level of the intervals.
    notes : tuple of Note
        What a reader must know.
    """

    reported: Change
    victimisation: Change | None
    share: Change | None
    verdict: str
    words: str
    confidence: float = 0.95
    notes: tuple[Note, ...] = ()

    @property
    def success(self) -> bool | None:
        """Whether victimisation fell; None where nothing tells. Reported events never decide it."""
        return {FELL: True, ROSE: False}.get(self.verdict)

    def table(self) -> pd.DataFrame:
        """Return `measure, change, lower, upper`, changes as shares, NaN where nothing tells."""
        found = {"reported events": self.reported, "victimisation": self.victimisation, "reported share": self.share}
        no = (np.nan, np.nan, np.nan)
        rows = [
            (name, *(no if one is None else (one.ratio - 1, one.lower - 1, one.upper - 1)))
            for name, one in found.items()
        ]
        return pd.DataFrame(rows, columns=["measure", "change", "lower", "upper"])

    def summary(self, *, width: int = 110) -> str:
        """Return the answer in words, in lines of at most `width` characters."""
        return wrapped(self._lines(), width)

    def figures(self) -> Figures:
        """Return `values` and `lines`, fit for JSON: what is undefined is None."""
        rows = [plain(row) for row in self.table().to_dict("records")]
        values = {"verdict": self.verdict, "success": self.success, "confidence": self.confidence, "changes": rows}
        return {
            "values": values,
            "lines": [[label, text] for label, text in self._lines()],
            "notes": records(self.notes),
        }

    def _lines(self) -> list[tuple[str, str]]:
        survey = "no survey" if self.victimisation is None else str(self.victimisation)
        lines = [("verdict", self.words), ("reported", str(self.reported)), ("victimisation", survey)]
        lines += [("reported share", str(self.share))] if self.share is not None else []
        lines.append(("meaning", NOT_ADDED))
        return lines + [("note" if not n else "", one.text) for n, one in enumerate(self.notes)]


def outreach_effect(
    counts: ReportedCounts, *, before: Victimisation | None = None, after: Victimisation | None = None,
    elsewhere: tuple[Victimisation, Victimisation] | None = None, confidence: float = 0.95,
) -> OutreachEffect:  # fmt: skip
    """Return what outreach did to victimisation, and what reported events did meanwhile.

    Parameters
    ----------
    counts : ReportedCounts
        Reported events.
    before, after : Victimisation, optional
        Surveys of the treated areas. Without both, nothing can be said about harm.
    elsewhere : pair of Victimisation, optional
        Surveys of comparison areas.
    confidence : float
        Level of the intervals.

    Raises
    ------
    DataError
        If one survey is given without the other.
    """
    if (before is None) != (after is None):
        raise DataError("a change needs two surveys, one before and one after: one of them is missing")
    reported, change, notes = reported_change(counts, confidence=confidence), None, list[Note]()
    if before is not None and after is not None:
        change = victimisation_change(before, after, elsewhere=elsewhere, confidence=confidence)
        if change is None:
            notes.append(note("outreach.no_change_told"))
    if not counts.compared:
        notes.append(note("outreach.no_comparison"))
    if change is not None and elsewhere is None:
        notes.append(note("outreach.no_survey_elsewhere"))
    if min(np.size(counts.treated_before), np.size(counts.comparison_before) or 2) < 2:
        notes.append(note("outreach.single_area"))
    share = None
    if change is not None:
        own = reported_change(counts, confidence=confidence, compare=elsewhere is not None)
        log, se = math.log(own.ratio / change.ratio), math.hypot(own.log_se, change.log_se)
        share = Change.of_log(log, se, min(own.df, change.df), confidence)
    verdict = UNTOLD if change is None else (UNCLEAR, ROSE, FELL)[change.direction]
    words = _words(reported, change, share)
    return OutreachEffect(reported, change, share, verdict, words, confidence, tuple(notes))


def _words(reported: Change, change: Change | None, share: Change | None) -> str:
    seen = f"reported events {_moved(reported)}"
    if change is None or share is None:
        could = {
            1: "a rise in reporting cannot be told from a rise in harm",
            -1: "a fall in harm cannot be told from a fall in reporting",
            0: "harm and reporting may have moved against each other",
        }[reported.direction]
        return f"{seen}; no survey tells victimisation: {could}, so this is neither a success nor a failure"
    asked, told = f"victimisation by survey {_moved(change)}", f"the reported share {_moved(share)}"
    if change.direction < 0:
        joint = "but" if reported.direction > 0 else "and"
        return f"{seen}, {joint} {asked}; {told}: not a failure, harm went down"
    if change.direction > 0:
        joint = "but" if reported.direction < 0 else "and"
        return f"{seen}, {joint} {asked}; {told}: not a success, harm went up"
    return f"{seen}; {asked}: the survey is too small to tell a change in harm, so this is neither success nor failure"


def _moved(change: Change) -> str:
    words = {1: "rose", -1: "fell", 0: "did not clearly change"}[change.direction]
    if not change.direction:
        return f"{words} ({change})"
    low, high = sorted((abs(change.lower - 1), abs(change.upper - 1)))
    return f"{words} by {abs(change.ratio - 1):.1%} [{low:.1%} to {high:.1%}]"
