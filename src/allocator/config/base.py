"""What the sections of a job share: strict frozen models, paths, shares, places."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator


def _resolve(path: str, info: ValidationInfo) -> str:
    if not path.strip():
        raise ValueError("names no file: give its path, or leave the key out")
    folder = (info.context or {}).get("folder")
    return str((Path(folder) / path).resolve()) if folder and path else path


FilePath = Annotated[str, AfterValidator(_resolve)]
"""A path in a job; resolved from the job file's folder."""

Texts = Annotated[tuple[str, ...], Field(strict=False)]
Numbers = Annotated[tuple[float, ...], Field(strict=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A strict, frozen section of the job file."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        defer_build=True,  # most commands use a few of the sections
    )


class Place(Section):
    """A place: all cells of a district, of a beat, or whose centre lies in the polygons of a file."""

    district: str | None = None
    """The place: a district,"""
    beat: str | None = None
    """or a beat,"""
    file: FilePath | None = None
    """or a polygon file (cells whose centre lies inside)."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.district, self.beat, self.file)) != 1:
            raise ValueError("a limit names one place: give exactly one of district, beat, file")
        return self

    @property
    def label(self) -> str:
        """The place in words."""
        if self.file is not None:
            return Path(self.file).name
        return f"district {self.district}" if self.district is not None else f"beat {self.beat}"


class PlaceLimit(Place):
    """`[[policy.limits]]`: a place with its own ceiling of patrol, 0 minutes for an exclusion or opt-out."""

    reason: str = Field(min_length=1)
    """Why; shown with the plan."""
    shifts: Texts = ()
    """Names of the shifts it holds for; empty means all."""
    max_minutes: int = Field(0, ge=0)
    """Most directed-patrol minutes per cell and shift there."""
