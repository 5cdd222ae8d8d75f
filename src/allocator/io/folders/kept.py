"""The offers of a run as plain JSON values, and back."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from allocator.domain import Answer, Channel, Fund, Initiative, Offers, Partner, Point, Venue
from allocator.facts import Note, records
from allocator.io.folders.checks import records_of

_KINDS: Mapping[str, type[Any]] = {
    "initiatives": Initiative, "venues": Venue, "partners": Partner, "points": Point, "channels": Channel,
    "funds": Fund, "answers": Answer,
}  # fmt: skip


def plain_offers(offers: Offers) -> dict[str, Any]:
    """Return offers as values that JSON can hold; defaults are left out."""
    found: dict[str, Any] = {"notes": records(offers.notes)}
    for name in _KINDS:
        found[name] = [
            {
                one.name: _plain(getattr(entry, one.name))
                for one in dataclasses.fields(entry)
                if one.default is dataclasses.MISSING or not _is_default(getattr(entry, one.name), one.default)
            }
            for entry in getattr(offers, name)
        ]
    return found


def offers_from(plain: Mapping[str, Any]) -> Offers:
    """Return the offers that `plain_offers` made plain."""
    tables = {
        name: tuple(
            records_of(kind, {key: _value(kind, key, value) for key, value in entry.items()}, f"offers.{name}")
            for entry in plain[name]
        )
        for name, kind in _KINDS.items()
    }
    return Offers(**tables, notes=tuple(map(Note.of_record, plain["notes"])))


def _is_default(value: Any, default: Any) -> bool:
    both_nan = isinstance(value, float) and isinstance(default, float) and math.isnan(value) and math.isnan(default)
    return both_nan or bool(value == default)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _value(kind: type[Any], key: str, value: Any) -> Any:
    hint = str(kind.__annotations__[key])
    if isinstance(value, list):
        return tuple(dt.date.fromisoformat(one) if "dt.date" in hint else one for one in value)
    if not isinstance(value, str) or hint == "str":
        return value
    if "dt.datetime" in hint:
        return dt.datetime.fromisoformat(value)
    return dt.time.fromisoformat(value) if "dt.time" in hint else float(value)
