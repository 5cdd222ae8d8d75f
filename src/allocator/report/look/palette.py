"""Colours of maps and pictures, told apart with any colour vision, and the steps of risk that they stand for."""

from __future__ import annotations

import itertools

from allocator.domain import CLASS_SHARES

RISK = ("#f7f4ec", "#f6dfb6", "#f3b874", "#e5804a", "#c14a36", "#8a1f33", "#4a0d2a")
"""Classes of `harm_classes`, from least to most; lightness falls evenly, so they are in order without colour too."""

VISIT, OUTREACH, BORDER = "#0050d8", "#005a32", "#3c3c3c"

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe & Ito (2008), Color universal design: told apart with any colour vision; the pale yellow is left out."""

RISE, FALL, LINE = "#d55e00", "#0072b2", "#333333"


def risk_names() -> list[str]:
    """Return what each colour of `RISK` stands for, from least to most."""
    bounds = [0.0, *CLASS_SHARES, 1.0]
    names = [f"next {high - low:.0%} of the area" for low, high in itertools.pairwise(bounds)]
    names[0], names[-1] = "half of the area with least harm", "1 % with most expected harm per km²"
    return names


def contrast(text: str, background: str) -> float:
    """Return the contrast of two colours by WCAG 2: (L1 + 0.05) / (L2 + 0.05) of the relative luminances."""
    light, dark = sorted((_luminance(text), _luminance(background)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
