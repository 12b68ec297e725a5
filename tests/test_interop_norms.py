"""Weights of norms of images, from torch and Keras and back: equal outputs."""

import numpy as np
import pytest

import gdcore as gd

NORMS = {
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 6), lambda: gd.GroupNorm(2, 1e-5)),
    "InstanceNorm2d": (lambda nn: nn.InstanceNorm2d(6, affine=True), lambda: gd.InstanceNorm(1e-5)),
    "InstanceNorm2d-plain": (
        lambda nn: nn.InstanceNorm2d(6),
        lambda: gd.InstanceNorm(1e-5, center=False, scale=False),
    ),
}


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NORMS)
def test_as_torch(name):
    torch = pytest.importorskip("torch")
    make, ours = NORMS[name]
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 1), make(torch.nn))
    for p in module.parameters():
        torch.nn.init.normal_(p)
    model = gd.Sequential([gd.Input((5, 4, 3)), gd.Conv2D(6, 1), ours()])
    gd.interop.from_torch(module, model)
    x = np.random.default_rng(0).normal(size=(3, 5, 4, 3)).astype(np.float32)
    first = torch.tensor(x.transpose(0, 3, 1, 2))
    close(model.predict(x), module(first).detach().numpy().transpose(0, 2, 3, 1))
    state = gd.interop.to_torch(model)
    again = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 1), make(torch.nn))
    for mine, theirs in zip(state.values(), again.state_dict().values(), strict=True):
        theirs.copy_(torch.as_tensor(mine))
    close(again(first).detach().numpy(), module(first).detach().numpy())


def test_rms_norm_as_torch():
    torch = pytest.importorskip("torch", minversion="2.4")
    module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.RMSNorm(6, eps=1e-6))
    torch.nn.init.normal_(module[1].weight)
    model = gd.Sequential([gd.Input(4), gd.Dense(6), gd.RMSNorm(1e-6)])
    gd.interop.from_torch(module, model)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    close(model.predict(x), module(torch.tensor(x)).detach().numpy())


def test_keras_lists():
    """Scale and shift in Keras's order."""
    model = gd.Sequential([gd.Input((4, 4, 6)), gd.GroupNorm(3), gd.RMSNorm()])
    gamma, beta, scale = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    gd.interop.from_keras([gamma, beta, scale], model)
    for got, want in zip(gd.interop.to_keras(model), [gamma, beta, scale], strict=True):
        np.testing.assert_array_equal(got, want)
