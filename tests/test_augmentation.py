"""Images that are changed while they are gathered: beside NumPy, by (seed, epoch, sample), and resumed."""

import contextlib

import numpy as np
import pytest

import gdcore as gd
from gdcore.engine.gathering import gathered

N, H, W = 64, 6, 5


def pictures(dtype=np.uint8, channels=2):
    """Every pixel of every image is another number, as far as there are so many."""
    numbers = np.arange(1, N * H * W * channels + 1).reshape(N, H, W, channels)
    return (numbers % 251 + 1).astype(dtype)


class Scaled(gd.Layer):
    """So that there is something to train."""

    def forward(self, x):
        return gd.ops.flatten(x) * self.param("one", (), "ones")


def seen(x, epochs=1, batch=16, seed=0, dtype="float32", shuffle=False):
    """What `fit` gathers, epoch by epoch, in the order of the samples: a metric is shown the images as outputs."""
    kept = []

    class Keep(gd.metrics.Metric):
        def clear(self):
            kept.append([])

        def update(self, y, pred, weight=None):
            kept[-1].append((np.array(y[:, 0]), np.array(pred)))

        def result(self):
            return 0.0

    shape = np.asarray(x).shape[1:]
    model = gd.Sequential([gd.Input(shape), Scaled()])
    model.compile(optimizer=gd.SGD(0.0), loss="mse", metrics=[Keep("keep")], dtype=dtype)
    y = np.repeat(np.arange(float(len(x)))[:, None], np.prod(shape), axis=1)
    model.fit(x, y, batch, epochs, seed=seed, shuffle=shuffle, verbose=0)
    out = []
    for epoch in [e for e in kept if e][-epochs:]:  # before, `fit` tries the metric
        numbers = np.concatenate([y for y, _ in epoch])
        out.append(np.concatenate([p for _, p in epoch]).reshape(-1, *shape)[np.argsort(numbers)])
    return out


def moved(image, dy, dx, border):
    """The image whose pixel (r, c) is (r + dy, c + dx)."""
    far = 3 * max(H, W)
    mode = {"zeros": "constant", "reflect": "reflect"}[border]
    wide = np.pad(image, ((far, far), (far, far), (0, 0)), mode)
    return wide[far + dy : far + dy + H, far + dx : far + dx + W]


@pytest.mark.parametrize("border", ["zeros", "reflect"])
@pytest.mark.parametrize("shift", [1, (0, 2), (7, 3)])
@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, 3), (np.float32, 1), (np.float64, 4)])
def test_every_image_is_a_shift_of_itself(border, shift, dtype, channels):
    x = pictures(dtype, channels)[:12]
    (got,) = seen(gd.data.augmented(x, shift=shift, border=border), dtype="float64")
    down, across = (shift, shift) if isinstance(shift, int) else shift
    used = set()
    for image, result in zip(x.astype(float), got, strict=True):
        fits = [
            (dy, dx)
            for dy in range(-down, down + 1)
            for dx in range(-across, across + 1)
            if np.array_equal(moved(image, dy, dx, border), result)
        ]
        assert fits
        used.update(fits[:1])
    assert len(used) > 1


def test_shifts_are_equally_likely():
    x = np.zeros((4000, 5, 5, 1), np.uint8)
    x[:, 2, 2] = 1
    (got,) = seen(gd.data.augmented(x, shift=2, border="zeros"), batch=4000)
    share = got[..., 0].mean(axis=0)
    assert np.abs(share - 1 / 25).max() < 5 * np.sqrt(1 / 25 / 4000)


def test_flips():
    x = pictures()
    mirrored = x[:, :, ::-1]
    epochs = seen(gd.data.augmented(x, flip="random"), epochs=4)
    turned = np.array(
        [[np.array_equal(a, b) for a, b in zip(e, mirrored, strict=True)] for e in epochs]
    )
    plain = np.array([[np.array_equal(a, b) for a, b in zip(e, x, strict=True)] for e in epochs])
    assert (turned ^ plain).all() and 0.3 < turned.mean() < 0.7
    assert 0.2 < (turned[0] != turned[1]).mean() < 0.8
    epochs = seen(gd.data.augmented(x, flip="alternating"), epochs=4)
    turned = np.array(
        [[np.array_equal(a, b) for a, b in zip(e, mirrored, strict=True)] for e in epochs]
    )
    assert (turned[0] != turned[1]).all() and (turned[0] == turned[2]).all()
    assert 0.3 < turned[0].mean() < 0.7


def test_cutout():
    x = np.ones((500, 6, 7, 2), np.uint8)
    (got,) = seen(gd.data.augmented(x, cutout=3))
    for image in got:
        assert np.array_equal(image[..., 0], image[..., 1])
        rows, columns = np.nonzero(image[..., 0] == 0)
        assert set(np.unique(image)) <= {0.0, 1.0} and len(rows)
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert high <= 3 and wide <= 3 and high * wide == len(rows)
    assert (got[:, 2:4, 2:5] == 0).mean() == pytest.approx(9 / 42, abs=0.03)


def test_a_function_of_seed_epoch_and_sample():
    """Not of the batch, of the order or of threads; another one for another epoch or seed."""
    x = gd.data.augmented(pictures(), shift=2, flip="random", cutout=2)
    one, two = seen(x, 2, batch=64, shuffle=True)
    threads = gd.get_num_threads()
    try:
        gd.set_num_threads(3)
        again, more = seen(x, 2, batch=7, shuffle=False)
    finally:
        gd.set_num_threads(threads)
    assert np.array_equal(one, again) and np.array_equal(two, more)
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, seen(x, seed=1)[0])


def test_only_fit_changes_images():
    x = pictures(np.float32) / 256
    told = gd.data.augmented(x, shift=2, flip="random")
    model = gd.Sequential([gd.Input(x.shape[1:]), gd.Flatten(), gd.Dense(3)])
    model.compile(loss="cross_entropy", metrics=["accuracy"])
    y = np.arange(N) % 3
    assert np.array_equal(model.predict(told), model.predict(x))
    assert model.evaluate(told, y) == model.evaluate(x, y)
    assert np.array_equal(np.asarray(told), x)
    history = model.fit(told, y, epochs=2, validation_split=0.25, batch_size=8, seed=0, verbose=0)
    held = model.evaluate(x[48:], y[48:])
    assert history.history["val_loss"][-1] == pytest.approx(held["loss"], rel=1e-6)


def test_resumed_within_an_epoch(tmp_path):
    """The same bits as without a break."""
    x, y = gd.data.augmented(pictures(), shift=2, flip="alternating", cutout=2), np.arange(N) % 3

    def fitted(**options):
        model = gd.Sequential(
            [gd.Input((H, W, 2)), gd.Rescaling(1 / 256), gd.Flatten(), gd.Dense(3)]
        )
        model.compile(optimizer=gd.Adam(1e-2), loss="cross_entropy")
        with contextlib.suppress(KeyboardInterrupt):
            model.fit(x, y, 8, 3, seed=5, verbose=0, **options)
        return model

    class Stop(gd.Callback):
        def __init__(self):
            self.steps = 0

        def on_batch_end(self, batch, logs):
            self.steps += 1
            if self.steps == 13:
                raise KeyboardInterrupt

    whole = fitted()
    fitted(callbacks=[gd.Checkpoint(tmp_path / "c", every_steps=3), Stop()])
    resumed = fitted(
        callbacks=[gd.Checkpoint(tmp_path / "c", every_steps=3)], resume_from=tmp_path / "c"
    )
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(a, b)


REFUSED = {
    "rows": (np.zeros((4, 5)), {}, "expected .n, height, width, channels"),
    "no channels": (np.zeros((4, 5, 5)), {}, "add the channel"),
    "channels first": (np.zeros((4, 3, 32, 32)), {}, "channels first"),
    "a negative shift": (pictures(), {"shift": -1}, "shift=-1: expected a whole number from 0"),
    "three shifts": (pictures(), {"shift": (1, 2, 3)}, "expected one number or two"),
    "half a pixel": (pictures(), {"cutout": 0.5}, "cutout=0.5: expected a whole number"),
    "an unknown flip": (pictures(), {"flip": "vertical"}, "expected None, 'random' or 'alt"),
    "more than a turn": (
        pictures(),
        {"rotation": 181},
        "rotation=181: expected a number of at least 0 and at",
    ),
    "no size at all": (
        pictures(),
        {"zoom": 1},
        "zoom=1: expected a number of at least 0 and below 1",
    ),
    "a share that is none": (pictures(), {"mixup": float("nan")}, "mixup=nan: expected a number"),
    "an unknown target": (pictures(), {"targets": "points"}, "expected None, 'masks' or 'boxes'"),
    "mixed masks": (pictures(), {"targets": "masks", "mixup": 1}, "leave one of them out"),
    "an unknown border": (pictures(), {"border": "wrap"}, "expected 'reflect' or 'zeros'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name):
    x, options, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        gd.data.augmented(x, **options)
    assert "\n" not in str(caught.value)


def test_a_picture_of_what_training_sees():
    pytest.importorskip("matplotlib")
    x = gd.data.augmented(pictures(channels=3), shift=2, flip="random", cutout=2)
    (want,) = seen(x, seed=7)
    axes = gd.plots.batch(x, np.arange(N), seed=7, classes=[f"c{i}" for i in range(N)])
    sheet = axes.images[0].get_array()
    np.testing.assert_allclose(sheet[:H, :W], want[0] / 255, atol=1e-6)
    np.testing.assert_allclose(sheet[:H, W + 2 : 2 * W + 2], want[1] / 255, atol=1e-6)
    assert [t.get_text() for t in axes.texts[:2]] == ["c0", "c1"]
    with pytest.raises(ValueError, match=r"expected \(n, height, width, channels\)"):
        gd.plots.batch(np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"64 images and y the shape \(3,\)"):
        gd.plots.batch(x, [1, 2, 3])


def planes(n, h, w):
    """Images of where their pixels lie, so that the map can be read off the result, between pixels too; and of ones."""
    return np.repeat(
        np.concatenate([np.mgrid[:h, :w], np.ones((1, h, w))]).transpose(1, 2, 0)[None], n, 0
    )


def test_rotation_and_zoom_are_one_linear_map():
    """What is read off each image is a turn and a scale about the centre, within what was allowed."""
    h, w = 21, 24
    x = planes(60, h, w)
    options = {"rotation": 30, "zoom": 0.2, "shift": 1, "border": "zeros"}
    (got,) = seen(gd.data.augmented(x, **options), dtype="float64")
    r, c = np.mgrid[:h, :w] - np.array([(h - 1) / 2, (w - 1) / 2])[:, None, None]
    turns, scales = [], []
    for image in got:
        use = image[..., 2] == 1  # the others are beyond the border
        left = np.stack([r[use], c[use], np.ones(use.sum())], 1)
        found, _, _, _ = np.linalg.lstsq(left, image[use][:, :2], rcond=None)
        np.testing.assert_allclose(left @ found, image[use][:, :2], atol=1e-9)
        (a, b), (minus_b, again), shift = found
        assert again == pytest.approx(a) and minus_b == pytest.approx(-b)
        turns.append(np.degrees(np.arctan2(b, a)))
        scales.append(1 / np.hypot(a, b))
        assert np.isin(np.round(shift - np.array([(h - 1) / 2, (w - 1) / 2]), 9), [-1, 0, 1]).all()
    assert np.abs(turns).max() <= 30 and np.std(turns) == pytest.approx(60 / 12**0.5, rel=0.3)
    assert min(scales) >= 0.8 and max(scales) <= 1.2 and np.std(scales) > 0.06


def test_a_bend_is_smooth_and_moves_masks_and_boxes_alike():
    h, w, k = 40, 36, 3
    images = planes(6, h, w)
    options = {"elastic": 4.0, "rotation": 20, "flip": "random", "zoom": 0.1, "border": "zeros"}
    (got,) = seen(gd.data.augmented(images, **options), dtype="float64")
    use, got = got[..., 2] == 1, got[..., :2]
    bend = np.diff(got, 2, axis=1)[use[:, 2:] & use[:, :-2]]
    assert 0 < np.abs(bend).max() < 0.2
    # A mask is the image that is nearest; a box is where its edges come to lie.
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 9, (6, h, w)).astype(np.int32)
    told = gd.data.augmented(images, targets="masks", **options).drawn(0, 0)
    moved = gathered(told.alongside(masks), 6, 64)
    y, x = np.floor(got + 0.5).astype(int).transpose(3, 0, 1, 2)
    away = np.abs(got - np.floor(got) - 0.5).min(-1) > 1e-6  # not between two pixels
    for i in range(6):
        np.testing.assert_array_equal(
            moved[i][use[i] & away[i]], masks[i][y[i], x[i]][use[i] & away[i]]
        )
    boxes = np.zeros((6, k, 4))
    boxes[:, 0] = 15, 12, 25, 22
    boxes[:, 1] = 2, 2, 30, 30
    told = gd.data.augmented(images, targets="boxes", **options).drawn(0, 0)
    placed = gathered(told.alongside(boxes), 6, 64)
    assert not placed[:, 2].any() and (placed[..., 2:] >= placed[..., :2]).all()
    for inside, image, (top, left, bottom, right) in zip(use, got, placed[:, 0], strict=True):
        within = (image > (14.5, 11.5)).all(-1) & (image < (24.5, 21.5)).all(-1) & inside
        rows, columns = np.nonzero(within)
        want = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
        np.testing.assert_allclose((top, left, bottom, right), want, atol=1.01)


def test_colours():
    x = np.random.default_rng(0).integers(60, 120, (300, 6, 5, 3)).astype(np.float64)
    shades = np.array([0.299, 0.587, 0.114])
    (got,) = seen(gd.data.augmented(x, brightness=0.4), dtype="float64")
    factor = (got / x).reshape(300, -1)
    assert np.ptp(factor, axis=1).max() < 1e-9
    assert 0.6 <= factor.min() < 0.65 and 1.35 < factor.max() <= 1.4
    (got,) = seen(gd.data.augmented(x, contrast=0.5), dtype="float64")
    mean = (x @ shades).mean((1, 2))[:, None, None, None]
    factor = ((got - mean) / (x - mean)).reshape(300, -1)
    assert np.ptp(factor, axis=1).max() < 1e-6 and factor.min() >= 0.5 and factor.max() <= 1.5
    (got,) = seen(gd.data.augmented(x, saturation=1.0), dtype="float64")
    np.testing.assert_allclose(got @ shades, x @ shades)
    assert not np.allclose(got, x)
    (got,) = seen(gd.data.augmented(x, channel_scale=0.1), dtype="float64")
    factor = (got / x).reshape(300, -1, 3)
    assert np.ptp(factor, axis=1).max() < 1e-9 and np.ptp(factor[:, 0], axis=1).max() > 0.1
    (got,) = seen(gd.data.augmented(np.full((50, 4, 4, 1), 250, np.uint8), brightness=0.5))
    assert got.max() == 255.0


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixed_images_and_targets(kind):
    """Each image has its own value: what was mixed, and in which share, can be read off the result."""
    n = 48
    x = np.zeros((n, 6, 5, n))
    x[np.arange(n), :, :, np.arange(n)] = 1.0
    told = gd.data.augmented(x, **{kind: 1.0}).drawn(3, 1)
    images = gathered(told, n, 64)
    targets = gathered(told.alongside(np.eye(n)), n, 64)
    np.testing.assert_allclose(images.mean((1, 2)), targets, atol=1e-12)
    np.testing.assert_allclose(targets.sum(1), 1.0)
    others = (targets > 0).sum(1)
    assert others.max() == 2 and (others == 2).mean() > 0.8
    own = targets[np.arange(n), np.arange(n)]
    assert 0.3 < own.mean() < 0.75 and own.std() > 0.2
    assert (np.unique(images).size == 2) == (kind == "cutmix")


def test_training_on_mixed_images_takes_class_numbers():
    """And gives the bits of a run that resumes, with metrics and a part held out."""
    x, y = pictures(np.float32) / 256, np.arange(N) % 3
    told = gd.data.augmented(x, mixup=0.4, cutmix=1.0, rotation=10, brightness=0.2)

    def fitted(threads):
        before = gd.get_num_threads()
        gd.set_num_threads(threads)
        try:
            model = gd.Sequential([gd.Flatten(), gd.Dense(3)])
            model.compile(gd.Adam(1e-2), "cross_entropy", metrics=["accuracy"])
            history = model.fit(told, y, 16, 2, validation_split=0.25, seed=0, verbose=0)
        finally:
            gd.set_num_threads(before)
        return model, history

    (model, history), (again, _) = fitted(1), fitted(3)
    assert all(map(np.array_equal, model.get_weights(), again.get_weights()))
    held = model.evaluate(x[48:], y[48:])
    assert history.history["val_accuracy"][-1] == held["accuracy"]
    assert history.history["val_loss"][-1] == pytest.approx(held["loss"], rel=1e-6)


def test_a_metric_sees_the_masks_that_were_moved():
    x = (np.random.default_rng(0).random((32, 8, 8, 1)) > 0.5).astype(np.float32)
    told = gd.data.augmented(x, shift=2, flip="random", targets="masks")
    image = gd.Input((8, 8, 1))
    model = gd.Model(image, gd.Conv2D(1, 1, kernel_initializer="ones")(image))
    model.compile(gd.SGD(0.0), "mse", metrics=["mae"])
    history = model.fit(told, x, 8, 2, seed=0, verbose=0)
    assert history.history["loss"] == [0.0, 0.0] and history.history["mae"] == [0.0, 0.0]
