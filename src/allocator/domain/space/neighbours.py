"""Which cells of any shape lie side by side."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from allocator.domain.arrays import Floats, Ints
from allocator.domain.space.lattice import csr
from allocator.errors import DataError, some

Adjacency: TypeAlias = npt.ArrayLike | sparse.sparray | sparse.spmatrix | tuple[npt.ArrayLike, npt.ArrayLike]
"""Who is whose neighbour: a matrix of 0 and 1, or the pair `indptr, indices` of a CSR table."""
HOP_M = 150.0
"""Metres that one step between neighbouring regions stands for where regions have no coordinates."""


def neighbours_of(adjacency: Adjacency) -> tuple[Ints, Ints]:
    """Return the CSR neighbours of an adjacency in any of the three forms, checked."""
    graph = _graph_of(adjacency)
    n = graph.shape[0]
    if odd := int((graph.data != 1).sum()):  # NaN too
        examples = some(sorted(set(graph.data[graph.data != 1].tolist()[:50])))
        raise DataError(f"the adjacency has {odd:,} entries that are neither 0 nor 1: {examples}", count=odd)
    left, right = graph.nonzero()
    lone = graph - graph.T
    lone.eliminate_zeros()
    if lone.nnz:
        a, b = (side[:3].tolist() for side in lone.nonzero())
        raise DataError(
            f"the adjacency is not symmetric: {lone.nnz // 2:,} pairs are linked one way only, such as "
            f"{some(zip(a, b, strict=True))}",
            count=lone.nnz // 2,
        )
    kept = left != right
    return csr(left[kept], right[kept], n)


def _graph_of(adjacency: Adjacency) -> sparse.csr_array:
    """Return the adjacency as a square scipy matrix."""
    if isinstance(adjacency, tuple) and len(adjacency) == 2:
        indptr, indices = (np.asarray(part) for part in adjacency)
        n = len(indptr) - 1
        whole = all(part.ndim == 1 and np.issubdtype(part.dtype, np.integer) for part in (indptr, indices))
        if not whole or n < 1 or indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
            raise DataError(
                "the pair (indptr, indices) is no CSR: indptr must be whole numbers that rise from 0 to len(indices)"
            )
        if ((indices < 0) | (indices >= n)).any():
            wrong = indices[(indices < 0) | (indices >= n)]
            raise DataError(f"{len(wrong):,} neighbours are no regions: {some(wrong.tolist())}; there are 0 to {n - 1}")
        graph = sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n, n))
        graph.sum_duplicates()
        return graph
    try:
        graph = sparse.csr_array(adjacency if sparse.issparse(adjacency) else np.asarray(adjacency, np.float64))
    except (TypeError, ValueError) as error:
        raise DataError(f"the adjacency is no matrix of numbers: {error}") from error
    if len(graph.shape) != 2 or graph.shape[0] != graph.shape[1] or not graph.shape[0]:
        raise DataError(f"the adjacency must be square, one row and column per region, not {graph.shape}")
    graph.sum_duplicates()
    graph.eliminate_zeros()
    return graph


def per_region(name: str, values: npt.ArrayLike, n: int) -> Floats:
    """Return one finite float64 per region."""
    given = np.asarray(values, np.float64)
    if given.shape != (n,):
        raise DataError(f"{name} must have one value per region: {n} regions, {given.shape} given")
    if wrong := int((~np.isfinite(given)).sum()):
        raise DataError(f"{name} is missing or infinite for {wrong} of {n} regions", column=name, count=wrong)
    return given


def step_m(place: tuple[Floats, Floats] | None, indptr: Ints, indices: Ints) -> float:
    """Return the median distance of neighbours, or the default where there is none."""
    if place is None or not len(indices):
        return HOP_M
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return float(np.median(np.hypot(*(side[row] - side[indices] for side in place))))
