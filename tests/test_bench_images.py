"""The benchmarks of large images measure the published networks, built alike in every library."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
if not (ROOT / "bench" / "cases.py").exists():
    pytest.skip("bench/ is not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench import images, parts  # noqa: E402
from bench.cases import ALL, LARGE, Case  # noqa: E402
from bench.libraries import LIBRARIES  # noqa: E402

PUBLISHED = {
    "vgg16": (images.vgg16, 32, 138_357_544),
    "resnet50": (images.resnet50, 32, 25_557_032),
    "inception_v3": (images.inception_v3, 75, 23_834_568),
}


def images_case(network, trains):
    return Case(
        "small", network, 4, *(("cross_entropy", "sgd") if trains else (None, None)), 1.3, 1.5
    )


def assert_same_images(network, peer):
    """A training step and a prediction."""
    if not LIBRARIES[peer].installed():
        pytest.skip(f"{peer} is not installed")
    for case in (images_case(network, True), images_case(network, False)):
        own, (x, y) = case.model(), case.data(1)
        want = own.train_on_batch(x, y) if case.trains else own.predict(x)
        made = LIBRARIES[peer](case, 1)
        given = made.put(x), made.put(y)
        got = made.read(made.train(*given) if case.trains else made.predict(given[0]))
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4 * np.abs(want).max())


@pytest.mark.parametrize(
    "peer", ["torch channels_last", pytest.param("jax", marks=pytest.mark.slow)]
)
def test_parts_of_large_networks(peer):
    """Their blocks, in one network, begin as the peer's."""
    ways = ((images.ConvNorm(4),), (images.Pool(True, 1, 1), images.ConvNorm(3, (1, 7), 1, (0, 3))))
    stem = images.ConvNorm(4, (3, 3), 2, (1, 1)), images.Branches(ways), images.Pool(around=1)
    block = images.Residual((images.ConvNorm(7, bends=False),), ())
    network = images.Network((16, 16, 3), (*stem, block, images.Mean(), images.Dense(3)))
    assert_same_images(network, peer)


@pytest.mark.parametrize("name", PUBLISHED)
def test_large_networks_have_as_many_parameters_as_published(name, monkeypatch):
    for module in (images, parts):
        monkeypatch.setattr(module, "glorot", lambda _, shape, *__: np.broadcast_to(0.0, shape))
    assert {name, f"{name} 1"} <= set(LARGE) < set(ALL)
    assert LARGE[name].parameters == PUBLISHED[name][-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_large_networks_begin_as_torchs(name):
    """Narrow, with small images."""
    make, size, _ = PUBLISHED[name]
    assert_same_images(make(size, 4, 10), "torch channels_last")
