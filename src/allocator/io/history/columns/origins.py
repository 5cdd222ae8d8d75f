"""Who found an event: a caller or an officer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain import CALL, OFFICER
from allocator.errors import nearest
from allocator.facts import note
from allocator.io.history.columns.book import Book
from allocator.io.tables import as_text


def origins_of(frame: pd.DataFrame, officer_initiated: Sequence[str], book: Book) -> npt.NDArray[np.int8]:
    """Return for each row whether it is a call or an officer's own find, by the values that say so."""
    if "origin" not in frame:
        return np.full(len(frame), CALL, np.int8)
    text = as_text(frame["origin"]).str.casefold()
    own = {value.strip().casefold() for value in officer_initiated}
    known = sorted(set(text) - {""})
    where = f"{book.section}.officer_initiated"
    if not own:
        book.notes.append(note("history.every_origin_a_call", where=where, found=known))
    elif strange := sorted(own - set(known)):
        told = note("history.origins_not_found", where=where, origins=strange, found=known)
        if any(nearest(value, known) for value in strange):  # a slip of the pen would let these events train
            book.faults.append(told.text)
        else:
            book.notes.append(told)
    return np.where(text.isin(own), OFFICER, CALL).astype(np.int8)
