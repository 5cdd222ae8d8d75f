"""Colours: contrast by WCAG 2, and told apart with every colour vision, simulated."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import allocator
from allocator.report.look.palette import BORDER, FALL, OUTREACH, RISE, RISK, SERIES, VISIT, contrast

LOOK = (Path(allocator.__file__).parent / "report" / "look" / "templates" / "look.css").read_text("utf-8")
NAMES = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", LOOK)) | {"white": "#ffffff"}

# Machado, Oliveira & Fernandes (2009), A physiologically-based model for simulation of color vision deficiency, IEEE
# TVCG 15(6): matrices of full severity, for linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
    "grey": np.tile([0.2126, 0.7152, 0.0722], (3, 1)),
}


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB, D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    t = xyz / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def seen(colour: str, vision: str) -> np.ndarray:
    return lab(np.clip(VISIONS[vision] @ linear(colour), 0, 1))


def test_the_measure_of_colours_is_that_of_the_books():
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.05)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)


@pytest.mark.parametrize("vision", VISIONS)
def test_the_classes_of_risk_are_in_order_for_everyone(vision):
    tones = [seen(colour, vision) for colour in RISK]
    lightness = [tone[0] for tone in tones]
    assert lightness == sorted(lightness, reverse=True)
    assert min(np.linalg.norm(a - b) for a, b in itertools.pairwise(tones)) > 6  # about 2.3 is just noticeable


@pytest.mark.parametrize("vision", ["normal", "protan", "deutan", "tritan"])
def test_series_and_alarms_are_told_apart(vision):
    for first, second in itertools.combinations(SERIES, 2):
        assert np.linalg.norm(seen(first, vision) - seen(second, vision)) > 9, (first, second)
    assert np.linalg.norm(seen(RISE, vision) - seen(FALL, vision)) > 40
    for colour in RISK[:4]:  # on darker ones a white ring is around the blue
        assert np.linalg.norm(seen(VISIT, vision) - seen(colour, vision)) > 40


@pytest.mark.parametrize(
    ("text", "background"),
    [("ink", "white"), ("quiet", "white"), ("accent", "white"), ("deep", "white"), ("white", "deep"), ("ink", "pale"),
     ("deep", "pale"), ("mark-ink", "mark"), ("quiet", "pale")],
)  # fmt: skip
def test_texts_of_the_pages_have_the_contrast_of_wcag_aa(text, background):
    assert contrast(NAMES[text], NAMES[background]) >= 4.5


def test_marks_of_the_map_stand_out():
    for mark in (VISIT, OUTREACH, BORDER):
        assert contrast(mark, "#ffffff") >= 4.5
        assert max(contrast(mark, RISK[0]), contrast("#ffffff", RISK[-1])) >= 4.5
