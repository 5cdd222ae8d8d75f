"""The kernels of the profile against their plain twins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import naive
from allocator.kernels import profile

seeds = st.integers(0, 10_000)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_smear(seed):
    rng = np.random.default_rng(seed)
    shape, n = (2, 4, 6), 15
    kind, cell, column = (rng.integers(0, high, n) for high in shape)
    weight, matrix = rng.random(n), rng.random((2, 6, 6)) * (rng.random((2, 6, 6)) < 0.5)
    out = np.zeros(shape, np.float32)
    profile.smear(kind, cell, column, weight, matrix, out)
    np.testing.assert_allclose(out, naive.smear(kind, cell, column, weight, matrix, shape), rtol=1e-5, atol=1e-6)


@given(seeds, st.floats(0.1, 1))
@settings(max_examples=20, deadline=None)
def test_memberships_and_type_counts(seed, tempering):
    rng = np.random.default_rng(seed)
    dense = rng.poisson(0.7, (8, 5)).astype(np.float64)
    counts, theta, share = sparse.csr_array(dense), rng.dirichlet(np.ones(5), 3).T, rng.dirichlet(np.ones(3))
    parts, out = counts.indptr.astype(np.int64), np.empty((8, 3))
    profile.memberships(parts, counts.indices, counts.data, np.log(theta), np.log(share), tempering, out)
    np.testing.assert_allclose(out, naive.memberships(dense, theta, share, tempering), rtol=1e-9)
    sums = np.zeros((5, 3))
    profile.type_counts(parts, counts.indices, counts.data, out, sums)
    np.testing.assert_allclose(sums, naive.type_counts(dense, out), rtol=1e-9)
