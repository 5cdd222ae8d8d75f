"""What a fast renewal of a forecast starts from."""

from __future__ import annotations

from dataclasses import dataclass

from allocator.domain.arrays import Floats, freeze
from allocator.domain.forecast.hours import HourShares


@dataclass(frozen=True, eq=False)
class Origin:
    """The forecast as it was before any new events: what every renewal starts from.

    Parameters
    ----------
    day, state, last, exposure
        As in `ForecastState`.
    mean : (n_shifts, n_cells, n_kinds) float32
        Expected events.
    """

    day: int
    state: Floats
    last: Floats
    exposure: Floats
    mean: Floats

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, eq=False)
class ForecastState:
    """Smoothed histories at the cutoff, and the weights that make rates of them.

    Parameters
    ----------
    day : int
        Days of history that are known, from its first day on.
    state : (n_kinds, n_bandwidths, n_cells, n_half_lives) float32
        Events spread over neighbours and faded with time.
    half_lives : (n_half_lives,) float64
        Days.
    bandwidths : (n_bandwidths,) float64
        Metres; 0 for the cell alone.
    last : (n_kinds, n_cells) float64
        Day of the last event.
    exposure : (n_half_lives,) float64
        Days of history that count, each faded with time.
    window : int
        Days of the window that rates are for.
    rate : (n_kinds, n_cells) float64
        Expected events over the horizon.
    dispersion : (n_kinds + 1,) float64
        Over-dispersion of counts of cells.
    mixture_weights : (n_kinds, n_components) float64, optional
        Weights of the kernel mixture; None where the forecast has none.
    following : (n_kinds, n_cells) float32, optional
        Share of each rate that follows the mixture, 0 to 1; None where the forecast has no mixture,
        and in runs of before there were stacks.
    origin : Origin, optional
        The forecast before new events; None until there are some.
    hours : HourShares, optional
        How each cell's events fall on the hours of the planned weeks; None where times carry no time of day.
    """

    day: int
    state: Floats
    half_lives: Floats
    bandwidths: Floats
    last: Floats
    exposure: Floats
    window: int
    rate: Floats
    dispersion: Floats
    mixture_weights: Floats | None = None
    following: Floats | None = None
    origin: Origin | None = None
    hours: HourShares | None = None

    def __post_init__(self) -> None:
        freeze(self)
