"""Hours of daylight in a span of time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from allocator.domain import Floats, Times

_HORIZON = np.deg2rad(90.833)
"""The sun's upper edge at the horizon, with refraction."""


def daylight_hours(start: Times, stop: Times, *, lon: float, lat: float) -> npt.NDArray[np.float64]:
    """Return the hours of daylight between UTC times, (n,) float64.

    Sunrise and sunset by the solar equations of the NOAA calculator (Spencer 1971, Fourier series representation
    of the position of the sun, Search 2), within about two minutes outside the polar circles; there a day is
    light or dark throughout.

    Parameters
    ----------
    start, stop : (n,) datetime64
        UTC.
    lon, lat : float
        Degrees, east and north positive.
    """
    first = start.astype("datetime64[D]")
    begin, end = ((time - first) / np.timedelta64(1, "m") for time in (start, stop))
    light = np.zeros(len(first))
    for day in range(-1, int(np.max(end, initial=0) // 1440) + 2):
        rise, fall = sun((first + np.timedelta64(day, "D")).astype("datetime64[D]"), lon=lon, lat=lat)
        light += np.clip(np.minimum(end, fall + 1440 * day) - np.maximum(begin, rise + 1440 * day), 0, None)
    return light / 60


def sun(day: npt.NDArray[np.datetime64], *, lon: float, lat: float) -> tuple[Floats, Floats]:
    """Return sunrise and sunset in minutes of the UTC day (they may lie outside it), (n,) each."""
    year = day.astype("datetime64[Y]")
    length = ((year + 1).astype("datetime64[D]") - year.astype("datetime64[D]")) / np.timedelta64(1, "D")
    angle = 2 * np.pi * ((day - year.astype("datetime64[D]")) / np.timedelta64(1, "D") + 0.5 - lon / 360) / length
    one, two, three = angle, 2 * angle, 3 * angle
    equation = 229.18 * (
        0.000075 + 0.001868 * np.cos(one) - 0.032077 * np.sin(one) - 0.014615 * np.cos(two) - 0.040849 * np.sin(two)
    )
    tilt = (
        0.006918 - 0.399912 * np.cos(one) + 0.070257 * np.sin(one) - 0.006758 * np.cos(two) + 0.000907 * np.sin(two)
        - 0.002697 * np.cos(three) + 0.00148 * np.sin(three)
    )  # fmt: skip
    north = np.deg2rad(lat)
    cosine = np.cos(_HORIZON) / (np.cos(north) * np.cos(tilt)) - np.tan(north) * np.tan(tilt)
    half = 4 * np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))
    noon = 720 - 4 * lon - equation
    return noon - half, noon + half
