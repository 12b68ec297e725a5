"""Folders of images, and the binary files of CIFAR: what is read, ahead of training, and what is refused."""

import struct
import zlib

import numpy as np
import pytest

import gdcore as gd
from gdcore.data import stream

H, W = 6, 5


@pytest.fixture
def pillow():
    return pytest.importorskip("PIL.Image")


def pictures(n, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, H, W, channels), dtype=np.uint8)


def written(folder, images, image_module, names=("a", "b", "c")):
    """Images in turn into a folder for each class; in the order in which they are read, with their classes."""
    for name in names:
        (folder / name).mkdir(parents=True)
    for i, x in enumerate(images):
        pixels = x[..., 0] if x.shape[-1] == 1 else x
        image_module.fromarray(pixels).save(folder / names[i % len(names)] / f"{i:03d}.png")
    order = [i for k in range(len(names)) for i in range(k, len(images), len(names))]
    return images[order], np.arange(len(images))[order] % len(names)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_folder_for_each_class(pillow, tmp_path, channels):
    want, classes = written(tmp_path, pictures(10, channels), pillow)
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    x, y = gd.data.images(tmp_path, channels=channels)
    assert x.shape == (10, H, W, channels) and x.dtype == np.uint8 and len(x) == 10
    assert x.classes == ["a", "b", "c"] and y.dtype == np.int64
    np.testing.assert_array_equal(y, classes)
    np.testing.assert_array_equal(np.asarray(x), want)
    np.testing.assert_array_equal(np.asarray(x[2:5]), want[2:5])


def test_jpeg_and_other_sizes(pillow, tmp_path):
    for name, size in (("a", (40, 20)), ("b", (12, 12))):
        (tmp_path / name / "deeper").mkdir(parents=True)
        pillow.new("RGB", size, (200, 30, 30)).save(tmp_path / name / "deeper" / "x.JPG", "JPEG")
    x, _ = gd.data.images(tmp_path, resize=(8, 6))
    assert x.shape == (2, 8, 6, 3)
    assert np.abs(np.asarray(x).astype(int) - [200, 30, 30]).max() < 8
    assert gd.data.images(tmp_path, resize=7)[0].shape == (2, 7, 7, 3)


def network():
    model = gd.Sequential([gd.Input((H, W, 3)), gd.Rescaling(1 / 255), gd.Flatten(), gd.Dense(3)])
    return model.compile(optimizer=gd.Adam(1e-2), loss="cross_entropy", metrics=["accuracy"])


@pytest.mark.parametrize("augment", [False, True])
def test_trained_as_the_array(pillow, tmp_path, monkeypatch, augment):
    """The same bits, though few steps are decoded at a time."""
    monkeypatch.setattr(stream, "AHEAD", 20 * H * W * 3)  # two steps of 8
    written(tmp_path, pictures(61), pillow)
    files, y = gd.data.images(tmp_path)
    array = np.asarray(files)
    weights = np.linspace(0.5, 1, 61)
    found = []
    for x in (files, array):
        model = network()
        told = gd.data.augmented(x, shift=1, flip="random", cutout=2) if augment else x
        history = model.fit(
            told, y, 8, 3, sample_weight=weights, validation_split=0.2, seed=3, verbose=0
        )
        found.append((history.history, model.evaluate(x, y), model.predict(x), model.get_weights()))
    for (a, b), (c, d) in zip(found[0][0].items(), found[1][0].items(), strict=True):
        assert a == c and np.array_equal(b, d)
    assert found[0][1] == found[1][1] and np.array_equal(found[0][2], found[1][2])
    assert all(np.array_equal(a, b) for a, b in zip(found[0][3], found[1][3], strict=True))


def test_resumed_within_an_epoch(pillow, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "AHEAD", 1)  # a step at a time
    written(tmp_path / "images", pictures(40), pillow)
    files, y = gd.data.images(tmp_path / "images")
    x = gd.data.augmented(files, shift=2, flip="alternating")

    class Stop(gd.Callback):
        steps = 0

        def on_batch_end(self, batch, logs):
            self.steps += 1
            if self.steps == 8:
                raise KeyboardInterrupt

    whole, resumed = network(), network()
    whole.fit(x, y, 8, 2, seed=1, verbose=0)
    saves = gd.Checkpoint(tmp_path / "c", every_steps=3)
    with pytest.raises(KeyboardInterrupt):
        network().fit(x, y, 8, 2, seed=1, verbose=0, callbacks=[saves, Stop()])
    resumed.fit(x, y, 8, 2, seed=1, verbose=0, resume_from=tmp_path / "c")
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(a, b)


def png(width, height, data=b""):
    """A PNG file that declares a size, whatever it holds."""

    def chunk(kind, body):
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def whole_png(folder):
    return next((folder / "a").iterdir()).read_bytes()


SPOILT = {
    "cut off": (lambda f: whole_png(f)[:-40], "cut off or damaged"),
    "no image": (lambda f: b"text", "not an image"),
    "empty": (lambda f: b"", "not an image"),
    "less than it says": (lambda f: png(W, H, zlib.compress(b"\0" * 10)), "cut off or damaged"),
    "an absurd size": (lambda f: png(60000, 60000), "declares too many pixels"),
    "another size": (
        lambda f: png(W + 1, H),
        "several sizes, .* of 6 x 5 and .* of 6 x 6: give .*resize",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_file_is_named_in_one_line(pillow, tmp_path, name):
    written(tmp_path, pictures(6), pillow)
    make, message = SPOILT[name]
    (tmp_path / "b" / "spoilt.png").write_bytes(make(tmp_path))
    with pytest.raises(ValueError, match=message) as caught:
        x, y = gd.data.images(tmp_path)
        network().fit(x, y, verbose=0)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)
    assert name == "another size" or "spoilt.png" in str(caught.value)


def test_a_file_that_changes_while_it_is_used(pillow, tmp_path):
    written(tmp_path, pictures(6), pillow)
    x, _ = gd.data.images(tmp_path)
    pillow.new("RGB", (3, 3)).save(x.paths[2])
    with pytest.raises(
        ValueError, match="3 x 3 pixels: expected 6 x 5, as when the folder was read"
    ):
        np.asarray(x)


def empty_class(folder):
    for name in ("a", "b"):
        (folder / name).mkdir()
    (folder / "a" / "x.png").write_bytes(b"")


FOLDERS = {
    "no folders": (lambda f: (f / "x.png").write_bytes(b""), {}, "no folders, and 1 images in it"),
    "one class": (lambda f: (f / "a").mkdir(), {}, "one folder in it, expected a folder of images"),
    "a class without images": (empty_class, {}, "no images, expected files that end in .png"),
    "channels": (lambda f: None, {"channels": 2}, "channels=2: expected 3, 1 or 4"),
    "resize": (
        lambda f: None,
        {"resize": (3,)},
        "resize=.3,.: expected a number of pixels, or two",
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_is_no_data_set(tmp_path, name):
    make, options, message = FOLDERS[name]
    make(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        gd.data.images(tmp_path, **options)
    assert "\n" not in str(caught.value)


def test_no_such_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        gd.data.images(tmp_path / "none")


# --- CIFAR ---------------------------------------------------------------------------------


def cifar_file(path, images, *labels):
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    np.column_stack([*labels, planes]).astype(np.uint8).tofile(path)


def test_cifar(tmp_path):
    rng = np.random.default_rng(0)
    images, y = rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 12)
    inner = tmp_path / "cifar-10-batches-bin"
    inner.mkdir()
    for i in range(5):
        cifar_file(
            inner / f"data_batch_{i + 1}.bin", images[2 * i : 2 * i + 2], y[2 * i : 2 * i + 2]
        )
    cifar_file(inner / "test_batch.bin", images[10:], y[10:])
    for folder in (tmp_path, inner):
        (x, classes), (x_test, y_test) = gd.datasets.cifar10(folder)
        np.testing.assert_array_equal(np.concatenate([x, x_test]), images)
        np.testing.assert_array_equal(np.concatenate([classes, y_test]), y)
    cifar_file(tmp_path / "train.bin", images, y, y + 50)
    cifar_file(tmp_path / "test.bin", images[:1], y[:1], y[:1] + 50)
    (x, fine), _ = gd.datasets.cifar100(tmp_path)
    np.testing.assert_array_equal(x, images)
    np.testing.assert_array_equal(fine, y + 50)
    np.testing.assert_array_equal(gd.datasets.cifar100(tmp_path, coarse=True)[0][1], y)


def test_cifar_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no train.bin \(not in it\), expected the binary"):
        gd.datasets.cifar100(tmp_path)
    for name in ("train", "test"):
        (tmp_path / name).write_bytes(b"pickle")
    with pytest.raises(FileNotFoundError, match="pickled version"):
        gd.datasets.cifar100(tmp_path)
    (tmp_path / "train.bin").write_bytes(bytes(3073))
    (tmp_path / "test.bin").write_bytes(bytes(3074))
    with pytest.raises(ValueError, match="3073 bytes, expected a multiple of 3074"):
        gd.datasets.cifar100(tmp_path)
    (tmp_path / "train.bin").write_bytes(bytes([0, 200, *[0] * 3072]))
    with pytest.raises(ValueError, match="class 200 in it, expected 0 to 99"):
        gd.datasets.cifar100(tmp_path)
