"""Several fitted models as one: their rates added up, each kind with weights of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from allocator.domain import Floats, Ints
from allocator.risk.features import View
from allocator.risk.models.boosted import FittedBoosted
from allocator.risk.training import Training

ENGINE = ("mixture", "boosted")
"""The models that are ours, whose rates follow the mixture's histories; all others of the registry are baselines."""

CONTRAST = "contrast between places, by the last weeks"
"""What the power of a stack adds, in reasons."""


class Model(Protocol):
    """A model is fitted on the rows of past windows."""

    def fit(self, training: Training) -> FittedModel:
        """Return the fitted model."""


class FittedModel(Protocol):
    """A fitted model turns what is known on a day into expected events."""

    def rate(self, view: View) -> Floats:
        """Return expected events per horizon, (n_kinds, n_cells)."""

    def sources(self, view: View, cells: Ints) -> tuple[tuple[str, ...], Floats]:
        """Return names of the parts of the rate of chosen cells, and the parts, (n_kinds, n, n_sources)."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Rates of models, weighted, added up and raised to a power; one model alone is a stack of weight 1 and power 1.

    Parameters
    ----------
    models : mapping of str to FittedModel
        Those with a weight in any kind.
    weights : (n_kinds, n_models) float64
        Not below 0; of each kind they add up to 1.
    power : (n_kinds,) float64
        See `hold_out.Blend`.
    """

    models: Mapping[str, FittedModel]
    weights: Floats
    power: Floats

    @property
    def leaders(self) -> tuple[str, ...]:
        """The model that carries most of the stack, per kind."""
        names = list(self.models)
        return tuple(names[column] for column in self.weights.argmax(axis=1))

    def of(self, kind: int) -> dict[str, float]:
        """Return the weight of each model in a kind, the greatest first, without those of 0."""
        pairs = sorted(zip(self.weights[kind].tolist(), self.models, strict=True), key=lambda pair: -pair[0])
        return {name: weight for weight, name in pairs if weight > 0}

    def parts(self, rates: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return what each model adds to the rates, (n_kinds, n_cells) each, given the models' own rates."""
        return {name: self.weights[:, n, None] * rates[name] for n, name in enumerate(self.models)}

    def sources(self, view: View, cells: Ints) -> tuple[tuple[str, ...], Floats]:
        """Return parts of the rates before boosting and power, (n_kinds, n, n_sources), and their names."""
        told = [model.sources(view, cells) for model in self.models.values()]
        names = tuple(dict.fromkeys(label for labels, _ in told for label in labels))
        values = np.zeros((len(self.weights), len(cells), len(names)))
        for weight, (labels, parts) in zip(self.weights.T, told, strict=True):
            for n, label in enumerate(labels):  # one by one: memories of nearly equal length share a name
                values[:, :, names.index(label)] += weight[:, None] * parts[:, :, n]
        return names, values

    def contributions(self, view: View, cells: Ints, before: Floats, rate: Floats) -> tuple[tuple[str, ...], Floats]:
        """Return what trees and power add to the log rate of chosen cells, by what it is due to.

        Trees that multiply their own model's rate by exp(t) move that of the stack by less. Each group's part of t
        shrinks alike, and the power adds the rest, so that all add up to log(rate) - log(before).

        Parameters
        ----------
        view : View
            What is known on the day.
        cells : (n,) int
            The cells.
        before : (n_kinds, n) float64
            The rates before boosting and power: the sums of `sources`.
        rate : (n_kinds, n) float64
            The rates.

        Returns
        -------
        names : tuple of str
            None without trees and powers.
        parts : (n_kinds, n, n_groups) float64
        """
        groups, changes = self._trees(view, cells, before)
        if (self.power == 1.0).all():
            return groups, changes
        rest = np.log(rate / np.maximum(before, 1e-300)) - changes.sum(axis=2)
        rest[self.power == 1.0] = 0.0
        return (*groups, CONTRAST), np.concatenate([changes, rest[:, :, None]], axis=2)

    def _trees(self, view: View, cells: Ints, before: Floats) -> tuple[tuple[str, ...], Floats]:
        boosted = self.models.get("boosted")
        if not isinstance(boosted, FittedBoosted):
            return (), np.zeros((len(self.weights), len(cells), 0))
        groups, changes = boosted.contributions(view, cells)
        own = self.weights[:, list(self.models).index("boosted"), None] * boosted.sources(view, cells)[1].sum(axis=2)
        share = own / np.maximum(before, 1e-300)
        whole = changes.sum(axis=2)
        moved = np.log1p(share * np.expm1(whole))
        factor = np.divide(moved, whole, out=share.copy(), where=np.abs(whole) > 1e-9)
        return groups, changes * factor[:, :, None]
