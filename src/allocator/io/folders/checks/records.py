"""Values of JSON files of a run folder, checked against the records that are made of them."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, FiniteFloat, NonNegativeInt, TypeAdapter, ValidationError

from allocator.errors import DataError

T = TypeVar("T")


class _Held(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Hits(_Held):
    mean: FiniteFloat
    lower: FiniteFloat
    upper: FiniteFloat


class _Values(_Held):
    expected_events: dict[str, FiniteFloat]
    stack: dict[str, dict[str, FiniteFloat]] = {}
    power: dict[str, FiniteFloat] = {}
    loglik_per_event: dict[str, FiniteFloat | None]
    hit_rate_1_percent: dict[str, FiniteFloat | None]
    held_out_events: NonNegativeInt
    held_out_windows: NonNegativeInt
    held_out_days: NonNegativeInt
    expected_harm: FiniteFloat
    covered: FiniteFloat
    covered_bound: FiniteFloat
    gap: FiniteFloat | None
    delivered: FiniteFloat
    delivered_gap: FiniteFloat | None
    rivals: dict[str, FiniteFloat]
    expected_hits: _Hits
    visits: NonNegativeInt
    places: NonNegativeInt
    unit_shifts: NonNegativeInt
    outreach_holdings: NonNegativeInt
    stamp: str | None


class _Figures(_Held):
    values: _Values
    lines: list[tuple[str, str]]
    notes: list[dict[str, Any]]


class _Input(_Held):
    path: str
    sha256: str


class _Replanned(_Held):
    at: str
    out_of_service: list[str]
    added: list[str]
    urgent: list[NonNegativeInt]
    closed: NonNegativeInt
    closed_cells: list[NonNegativeInt]
    events: str


class _Manifest(_Held):
    versions: dict[str, str]
    seed: int
    written: str
    inputs: dict[str, _Input]
    rows: dict[str, NonNegativeInt]
    dropped_columns: list[str]
    notes: list[str]
    seconds: dict[str, FiniteFloat]
    peak_mb: FiniteFloat | None
    replanned: list[_Replanned] = []


def check_records(figures: object, manifest: object) -> None:
    """Refuse a summary or a manifest without the numbers and words that pages are made of.

    Raises
    ------
    DataError
        With every fault.
    """
    for name, kind, value in (("summary.json", _Figures, figures), ("manifest.json", _Manifest, manifest)):
        try:
            TypeAdapter(kind).validate_python(value, strict=False)
        except ValidationError as error:
            raise DataError(f"{name} holds other values than a run writes", faults=_faults(error)) from None


def records_of(kind: type[T], value: object, where: str) -> T:
    """Return a value of JSON as the record, or the tuple of records, that it stands for.

    Raises
    ------
    DataError
        With every fault.
    """
    try:
        made: T = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise DataError(f"{where} holds other values than a run writes", faults=_faults(error)) from None
    return made


def _faults(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part)[:40] for part in one['loc'])}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False, include_context=False)[:20]
    ]
