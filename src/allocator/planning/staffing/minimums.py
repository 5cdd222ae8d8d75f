"""The fewest units that a job asks for, expanded to districts and shifts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from allocator.config import StaffingSection
from allocator.domain import WHOLE_CITY, Shift


def minimums_of(
    staffing: StaffingSection, districts: tuple[str, ...], shifts: Sequence[Shift]
) -> npt.NDArray[np.int32]:
    """Return the job's own fewest units, (n_districts, n_shifts); a row for one shift goes before one for its name.

    Rows of other districts count for nothing, and a city that is staffed as a whole has no minimums of districts.
    """
    if districts == (WHOLE_CITY,):
        return np.zeros((1, len(shifts)), np.int32)
    minimum = np.full((len(districts), len(shifts)), staffing.default_minimum, np.int32)
    ids = {shift.id for shift in shifts}
    for row in sorted(staffing.minimums, key=lambda row: row.shift in ids):
        for s, shift in enumerate(shifts):
            if row.shift in (shift.id, shift.name) and row.district in districts:
                minimum[districts.index(row.district), s] = row.units
    return minimum
