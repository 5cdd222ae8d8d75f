"""Compiled loops: arrays in, arrays out. Numba lives here and only here.

Kernels know no tables, no configuration and no domain words, and check nothing: their callers do. All are
serial, cached and free the GIL; each has a plain twin in `tests/helpers/naive.py`.
"""
