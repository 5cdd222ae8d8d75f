"""Policy at the door: which events train the model."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from functools import cache

import numpy as np

from allocator.config import ENFORCEMENT_FAMILIES, Policy
from allocator.domain import CALL, OFFICER, Bools, Events
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.facts import Note, note
from allocator.io.history.presets import read_data_file

_ORIGINS = {"call": (CALL, "call from the public"), "officer": (OFFICER, "officer-initiated")}


def family_of(kind: str) -> str | None:
    """Return the family of enforcement-driven kinds that a kind belongs to ("drugs", "vice", …), if any."""
    text = _words(kind)
    code = re.match(r"(?:nibrs )?(\d\d[a-z])\b", text)
    for family in ENFORCEMENT_FAMILIES:
        content = read_data_file("families")[family]
        if code and code[1].upper() in content.get("codes", ()):
            return family
        if _pattern(family, "words").search(text) and not _pattern(family, "except").search(text):
            return family
    return None


@cache
def _pattern(family: str, key: str) -> re.Pattern[str]:
    """Return what finds any word or phrase of a family in normal words."""
    phrases = [
        rf"{re.escape(_words(phrase))}{'[a-z0-9]*' if phrase.endswith('*') else ''}"
        for phrase in read_data_file("families")[family].get(key, ())
    ]
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(phrases)})(?![a-z0-9])" if phrases else r"(?!)")


def _unknown(kinds: tuple[str, ...]) -> list[Note]:
    """Return notes on kinds whose family cannot be told, as they are codes or in no known language."""
    words = {kind: _words(kind) for kind in kinds}
    codes = [kind for kind, text in words.items() if not re.search(r"[a-z]{3}", text) and family_of(kind) is None]
    strange = [
        kind for kind, text in words.items()
        if kind not in codes and family_of(kind) is None and not _pattern("known", "words").search(text)
    ]  # fmt: skip
    notes = [note("history.kinds_are_codes", kinds=codes)] if codes else []
    if strange and len(strange) > (len(kinds) - len(codes)) / 2:
        notes.append(note("history.kinds_unknown", kinds=strange))
    return notes


def screen(events: Events, policy: Policy, *, kinds: tuple[str, ...] = ()) -> Events:
    """Return the events that may train the model; the ledger counts the others by reason and kind.

    Parameters
    ----------
    events : Events
        As read.
    policy : Policy
        Origins, families and kinds that do not train the model.
    kinds : tuple of str
        Kinds asked for; empty means every kind that the policy leaves.

    Raises
    ------
    ConfigError
        If `kinds` or the policy name a kind that the file does not have, or no kind left has a harm weight.
    DataError
        If no event is left.
    """
    notes = _check_names(events, policy, kinds)
    ledger, keep = dict(events.ledger), np.ones(len(events), bool)
    for name, (origin, words) in _ORIGINS.items():
        if name not in policy.train_on:
            dropped = keep & (events.origin == origin)
            keep &= ~dropped
            notes += _count(events, dropped, reason=words, ledger=ledger)
    reasons = [_reason(kind, policy, kinds) for kind in events.kinds]
    for reason in dict.fromkeys(cause for cause in reasons if cause):
        dropped = keep & np.array([cause == reason for cause in reasons], bool)[events.kind]
        keep &= ~dropped
        notes += _count(events, dropped, reason=reason, ledger=ledger)
    if not keep.any():
        raise DataError(f"no events left after the policy: all {len(events):,} are screened out", faults=notes)
    kept = _recoded(dataclasses.replace(events.take(keep), ledger=ledger))
    _check_harm(kept, policy)
    notes += [*_variants(kept.kinds), *_unknown(kept.kinds)]
    return dataclasses.replace(kept, notes=(*events.notes, *notes, trained(kept)))


def trained(events: Events) -> Note:
    """Return the kinds of events, with how many there are of each."""
    counts = np.bincount(events.kind, minlength=len(events.kinds))
    shown = [note("history.counted", kind=events.kinds[row], count=counts[row]) for row in np.flatnonzero(counts)]
    return note("history.kinds_trained", kinds=shown)


def _variants(kinds: tuple[str, ...]) -> list[Note]:
    """Return a note on kinds that differ only in case, spaces or punctuation."""
    alike: dict[str, list[str]] = {}
    for kind in kinds:
        alike.setdefault(_words(kind), []).append(kind)
    same = [" = ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
    return [note("history.kinds_alike", kinds=same)] if same else []


def _words(text: str) -> str:
    """Return words without case, accents and punctuation; "&" is "and"."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("&", " and "))
    return " ".join(re.findall(r"[^\W_]+", "".join(sign for sign in plain if not unicodedata.combining(sign))))


def _listed(kind: str, kinds: tuple[str, ...]) -> bool:
    return kind.casefold() in {name.casefold() for name in kinds}


def _reason(kind: str, policy: Policy, kinds: tuple[str, ...]) -> str | None:
    """Return why a kind does not train the model, or None if it does."""
    family = family_of(kind)
    if _listed(kind, policy.exclude_kinds):
        return "policy excludes the kind"
    if family in policy.exclude_families and not _listed(kind, policy.allow_kinds):
        return f"policy excludes {family}"
    return "not among the kinds asked for" if kinds and kind not in kinds else None


def _count(events: Events, dropped: Bools, *, reason: str, ledger: dict[str, int]) -> list[Note]:
    """Count the dropped events by kind in the ledger; return a note on them."""
    counts = np.bincount(events.kind[dropped], minlength=len(events.kinds))
    for row in np.flatnonzero(counts):
        ledger[f"{reason}: {events.kinds[row]}"] = int(counts[row])
    if not dropped.any():
        return []
    names = [events.kinds[row] for row in np.argsort(-counts, kind="stable") if counts[row]]
    return [note("history.kinds_not_trained", count=int(dropped.sum()), kinds=names, reason=reason)]


def _recoded(events: Events) -> Events:
    """Return the events with only those kinds that occur."""
    present = np.unique(events.kind)
    kinds = tuple(events.kinds[row] for row in present)
    return dataclasses.replace(events, kind=np.searchsorted(present, events.kind).astype(np.int16), kinds=kinds)


def _check_names(events: Events, policy: Policy, kinds: tuple[str, ...]) -> list[Note]:
    """Refuse kinds that the file does not have; return notes on listed kinds that merely do not occur."""
    faults, notes = [], []
    strict = {"data.kinds": kinds, "policy.harm": tuple(policy.harm)}
    for where, names in strict.items():
        for name in names:
            if name not in events.kinds:
                faults.append(f"{where}: no kind {name!r}{nearest(name, events.kinds)}")
    for where, names in {"exclude_kinds": policy.exclude_kinds, "allow_kinds": policy.allow_kinds}.items():
        for name in names:
            if _listed(name, events.kinds):
                continue
            # A rare kind may be absent from a short history; a near name is more likely a slip of the pen.
            if hint := nearest(name, events.kinds):
                faults.append(f"policy.{where}: no kind {name!r}{hint}")
            else:
                notes.append(note("history.kind_not_found", where=where, kind=name))
    if faults:
        raise ConfigError(
            f"the job names kinds that do not occur; the file has {some(events.kinds, 40)}", faults=faults
        )
    return notes


def _check_harm(events: Events, policy: Policy) -> None:
    if all(policy.harm.get(kind, 1.0) == 0 for kind in events.kinds):
        raise ConfigError(
            f"policy.harm: every kind left weighs 0 ({some(events.kinds, 20)}): there is nothing to plan for"
        )
