"""predict_views: the weights of the views, what each one shows, and refusals."""

import numpy as np
import pytest

import gdcore as gd

IMAGES = np.random.default_rng(0).integers(0, 255, (5, 4, 6, 2)).astype(np.uint8)


def network():
    layers = [gd.Rescaling(1 / 255), gd.Conv2D(3, 3, activation="tanh"), gd.Flatten(), gd.Dense(2)]
    return gd.Sequential([gd.Input((4, 6, 2)), *layers])


@pytest.mark.parametrize("mirror", [True, False])
def test_views_are_those_of_the_recipe(mirror, monkeypatch):
    """Blocks of images; the shifts reflect at the outermost pixels, as torch pads."""
    monkeypatch.setattr("gdcore.image_views.ROWS", 2)
    model = network()
    at = [np.abs(np.arange(n) - 1) for n in (4, 6)]  # up and left: 1 0 1 2 ...
    back = [n - 1 - a[::-1] for n, a in zip((4, 6), at, strict=True)]
    moved = [IMAGES[:, rows][:, :, columns] for rows, columns in (at, back)]
    want = [model.predict(x) for x in (IMAGES, *moved)]
    if mirror:
        mirrored = [model.predict(x[:, :, ::-1]) for x in (IMAGES, *moved)]
        want = [(a + b) / 2 for a, b in zip(want, mirrored, strict=True)]
    got = gd.predict_views(model, IMAGES, mirror=mirror, shift=1)
    np.testing.assert_allclose(got, want[0] / 2 + (want[1] + want[2]) / 4, rtol=1e-5, atol=1e-6)
    assert got.dtype == np.float32
    none = gd.predict_views(model, IMAGES, mirror=mirror)
    np.testing.assert_allclose(none, want[0], rtol=1e-5, atol=1e-6)


def test_what_is_augmented_is_taken_as_it_is():
    model, plain = network(), gd.data.augmented(IMAGES, shift=2, flip="random")
    assert np.array_equal(gd.predict_views(model, plain), gd.predict_views(model, IMAGES))
    assert gd.predict_views(model, IMAGES[:0]).shape == (0, 2)


def test_refused():
    model = network()
    with pytest.raises(
        ValueError, match=r"predict_views got images of shape \(4, 6, 2\): expected"
    ):
        gd.predict_views(model, IMAGES[0])
    for shift in (4, -1, 0.5):
        with pytest.raises(ValueError, match=f"shift={shift}: expected a whole number from 0 to 3"):
            gd.predict_views(model, IMAGES, shift=shift)
    x = gd.Input((4, 6, 2))
    two = gd.Model(x, [gd.Flatten()(x), gd.Flatten()(x)])
    with pytest.raises(ValueError, match="predict_views of a model with 2 outputs: expected one"):
        gd.predict_views(two, IMAGES)


def test_rescaling_by_channel_refuses():
    for wrong in ([], [[1.0]], [1.0, [2.0]], [float("nan")], "a"):
        with pytest.raises(
            ValueError, match=r"Rescaling offset=.*: expected a finite number, or a"
        ):
            gd.Rescaling(1.0, wrong)
    with pytest.raises(ValueError, match=r"2 numbers as scale got an input of shape .*B, 3.*: exp"):
        gd.Rescaling([1.0, 2.0])(gd.Input(3))
