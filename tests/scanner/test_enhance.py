"""The rescue steps keep their promises about shape, and no shape breaks them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.decode import decode
from scanner.enhance import CLOSE, FINEST, LOOKS, NORMAL, fit, half, median, stretched, twice, unsharp

shapes = st.tuples(st.integers(1, 90), st.integers(1, 90))


@given(shapes, st.integers(1, 90))
def test_fit_never_enlarges_and_never_exceeds(shape, side):
    fitted = fit(np.zeros(shape, np.uint8), side)
    assert max(fitted.shape) == min(side, max(shape))
    assert min(fitted.shape) >= 1


@given(shapes)
@settings(max_examples=30)
def test_every_step_takes_any_shape(shape):
    grey = np.arange(shape[0] * shape[1], dtype=np.uint32).reshape(shape).astype(np.uint8)
    for look in LOOKS:
        if look.step:
            stepped = look.step(grey)
            assert stepped.dtype == np.uint8
            assert stepped.size <= max(4 * grey.size, 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 3000), (7, 7)])
def test_slivers_of_photos_are_looked_at_without_a_code(shape):
    assert decode(np.full(shape, 200, np.uint8)) == ()


def test_half_halves_and_twice_doubles():
    grey = np.zeros((40, 60), np.uint8)
    assert half(grey).shape == (20, 30)
    assert twice(grey).shape == (80, 120)


def test_median_removes_a_grain_and_unsharp_widens_an_edge():
    grain = np.full((9, 9), 255, np.uint8)
    grain[4, 4] = 0
    assert median(grain).min() == 255
    soft = np.tile(np.linspace(100, 150, 40, dtype=np.uint8), (40, 1))
    soft[:, 20:] += 40
    assert np.ptp(unsharp(soft)) > np.ptp(soft)


def test_stretched_gives_a_dim_edge_full_contrast():
    dim = np.full((64, 64), 120, np.uint8)
    dim[:, 32:] = 150
    assert np.ptp(stretched(dim)[:, 28:36]) > 200


def test_the_looks_spare_a_photo_what_an_earlier_look_showed():
    sizes = {NORMAL: (720, NORMAL), CLOSE: (1440, CLOSE), FINEST: (3024, FINEST)}
    plain = [look for look in LOOKS if look.step is None and look.reader == "zxing" and not look.global_histogram]
    looked = {side: sum(bool(look.pixels(shape)) for look in plain) for side, shape in sizes.items()}
    assert looked == {NORMAL: 1, CLOSE: 2, FINEST: 3}
