"""Weights from and to PyTorch."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from gdcore.data.arrays import as_array
from gdcore.errors import missing
from gdcore.interop.groups import (
    Group,
    groups,
    image_before,
    load,
    numbers_behind,
    numbers_of,
)
from gdcore.interop.layouts import (
    LAYOUTS,
    LEFT_OUT,
    Arrays,
    Part,
    rows_from_channels_first,
    rows_to_channels_first,
    same,
)
from gdcore.interop.torch_attention import by_kind, is_attention, joined, split
from gdcore.io import safetensors
from gdcore.layers.base import Variable
from gdcore.model import Model

# Names of PyTorch's recurrent modules: what, and of which layer and direction.
RECURRENT = re.compile(r"((?:weight|bias)_(?:ih|hh))_(l\d+(?:_reverse)?)")


def from_torch(
    source: Any,
    model: Model,
    *,
    names: Mapping[str, str] | None = None,
    channels_first: bool = True,
    batch_size: int | None = None,
    skip: Sequence[str] = (),
) -> Model:
    """Set a model's weights to those of a PyTorch model of the same layers.

    Linear, convolutions (transposed ones too), BatchNorm, LayerNorm, Embedding, MultiheadAttention, LSTM, GRU
    and RNN are brought into gdcore's layout, a recurrent module of several layers or directions as one of
    gdcore's for each; layers of your own are matched by the names and shapes of their parameters.

    Parameters
    ----------
    source : torch.nn.Module, its ``state_dict()``, or the path of a safetensors file of one
    model : Model
        Its input must be known: begin it with `gd.Input`.
    names : mapping of str to str, optional
        PyTorch's module path to gdcore's layer path, for all layers. Without it layers are matched
        by their paths if those are the same on both sides, and else in order.
    channels_first : bool
        Whether PyTorch flattened images as (channels, height, width), as ``nn.Flatten`` does; the
        rows of the product that follows are put into gdcore's order then.
    batch_size : int, optional
        Samples of a training step there. PyTorch's running variances are unbiased, n/(n-1) of those that
        gdcore keeps, n being the samples times the positions of an image; they are divided by that if
        `batch_size` is given. Without it they are copied as they are, and both sides predict the same.
    skip : sequence of str
        Modules of PyTorch's that the model has no layers for, by their paths or patterns of them: ``["fc"]`` for a
        network without its top, ``["AuxLogits.*"]`` for a head that is for training alone.

    Returns
    -------
    Model
        The same one.

    Raises
    ------
    ValueError
        If the layers do not match; the message lists those that do not, and nothing is changed. If
        `batch_size` makes a variance of fewer than 2 numbers, or `skip` matches no module.
    TypeError
        If `source` is something else.

    Warns
    -----
    UserWarning
        If a norm's epsilon is another one in the module: its outputs would differ.

    Examples
    --------
    >>> import gdcore as gd
    >>> state = {"fc.weight": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "fc.bias": [0.0, 0.0, 1.0]}
    >>> model = gd.Sequential([gd.Input(2), gd.Dense(3)])
    >>> gd.interop.from_torch(state, model).predict([[1.0, 10.0]])
    array([[21., 43., 66.]], dtype=float32)
    """
    theirs = _without(_modules(_arrays(source)), skip)
    ours = groups(model)
    pairs = _pairs(theirs, ours, names)
    new: dict[Variable, np.ndarray] = {}
    wrong = []
    for path, group in pairs:
        found = _read(theirs[path], group)
        if found is None:
            wrong.append(f"{_described(path, theirs[path])} for {group}")
            continue
        for name, array in found.items():
            variable = group.variables[name]
            image = image_before(model, variable) if _is_product(group, name) else None
            if image is not None and channels_first:
                array = rows_from_channels_first(array, image)
            if name == "running_var":
                array = array / _bessel(model, group, batch_size)
            new[variable] = array
    if wrong:
        raise ValueError(f"from_torch: what does not fit: {'; '.join(wrong)}")
    load(model, new)
    if hasattr(source, "named_modules"):
        _warn_of_epsilons(dict(source.named_modules()), pairs)
    return model


def to_torch(
    model: Model, module: Any = None, *, channels_first: bool = True, batch_size: int | None = None
) -> Any:
    """A model's weights as PyTorch keeps them.

    Parameters
    ----------
    model : Model
    module : torch.nn.Module, optional
        Of the same layers: its weights are set.
    channels_first, batch_size
        As for `from_torch`.

    Returns
    -------
    torch.nn.Module or dict of str to torch.Tensor
        The module, or else a ``state_dict`` under gdcore's layer paths.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If the module's layers do not match, or `batch_size` makes a variance of fewer than 2 numbers;
        nothing is changed then.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(4), gd.Dense(3, name="fc")])
    >>> {k: tuple(v.shape) for k, v in gd.interop.to_torch(model).items()}
    {'fc.weight': (3, 4), 'fc.bias': (3,)}
    """
    try:
        import torch
    except ImportError as error:
        raise missing("to_torch needs PyTorch", "torch", error) from None
    ours = groups(model)
    state: Mapping[str, Any] = module.state_dict() if module is not None else {}
    theirs = _modules(_arrays(state)) if module is not None else None
    pairs = [(g.path, g) for g in ours] if theirs is None else _pairs(theirs, ours, None)
    out: dict[str, Any] = {}
    wrong = []
    for path, group in pairs:
        there = () if theirs is None else theirs[path]
        arrays = _written(model, group, channels_first, batch_size, there)
        if theirs is not None:
            want = {k: a.shape for k, a in theirs[path].items()}
            if {k: a.shape for k, a in arrays.items()} != want:
                wrong.append(f"{group} for {_described(path, theirs[path])}")
        apart = f"{path}.q_proj_weight".lstrip(".") in state
        for name, array in joined(arrays, apart).items():
            out[_key(path, name)] = torch.from_numpy(np.ascontiguousarray(array).copy())
    if wrong:
        raise ValueError(f"to_torch: what does not fit: {'; '.join(wrong)}")
    if module is None:
        return out
    module.load_state_dict({k: out.get(k, v) for k, v in state.items()})
    return module


def _arrays(source: Any) -> Arrays:
    """A module, a state_dict or a file as arrays by name."""
    if isinstance(source, str | os.PathLike):
        return safetensors.load(source)[0]
    if hasattr(source, "state_dict"):
        source = source.state_dict()
    if not isinstance(source, Mapping):
        raise TypeError(
            f"from_torch got {type(source).__name__}: expected a torch.nn.Module, its "
            "state_dict(), or the path of a safetensors file"
        )
    return {str(k): as_array(_widened(v), repr(k)) for k, v in source.items()}


def _widened(tensor: Any) -> Any:
    """NumPy has no bfloat16; float32 holds all of its numbers."""
    tensor = tensor.detach() if hasattr(tensor, "detach") else tensor
    return tensor.float() if "bfloat16" in str(getattr(tensor, "dtype", "")) else tensor


def _modules(arrays: Arrays) -> dict[str, Arrays]:
    """By the path of the module that has them; each layer and direction of a recurrent one by itself."""
    out: dict[str, Arrays] = {}
    for key, array in arrays.items():
        path, _, name = key.rpartition(".")
        if name in LEFT_OUT:
            continue
        found = RECURRENT.fullmatch(name)
        if found and found[2] != "l0":
            path, name = f"{path}#{found[2]}", f"{found[1]}_l0"
        out.setdefault(path, {})[name] = array
    return split(out)


def _without(modules: Mapping[str, Arrays], skip: Sequence[str]) -> dict[str, Arrays]:
    """The modules whose paths match none of the patterns."""
    if isinstance(skip, str):
        raise TypeError(f"from_torch skip={skip!r}: expected a list of patterns, as in [{skip!r}]")
    for pattern in skip:
        if not any(fnmatchcase(path, pattern) for path in modules):
            raise ValueError(
                f"from_torch skip has {pattern!r}, which matches no module with weights: expected some of "
                f"{', '.join(modules)}"
            )
    return {p: a for p, a in modules.items() if not any(fnmatchcase(p, s) for s in skip)}


def _key(path: str, name: str) -> str:
    """The name in the whole module of an array of one of `_modules`."""
    path, _, layer = path.partition("#")
    if layer:
        name = name.removesuffix("l0") + layer
    return f"{path}.{name}" if path else name


def _described(path: str, arrays: Arrays) -> str:
    return f"{path or 'the module'} ({', '.join(f'{n} {a.shape}' for n, a in arrays.items())})"


def _pairs(
    theirs: Mapping[str, Arrays], ours: list[Group], names: Mapping[str, str] | None
) -> list[tuple[str, Group]]:
    """PyTorch's path for each layer."""
    by_path = {g.path: g for g in ours}
    if names is None and set(by_path) == set(theirs):
        names = {path: path for path in theirs}
    if names is not None:
        if set(names) != set(theirs) or set(names.values()) != set(by_path):
            raise ValueError(
                f"names pairs {dict(names)}: expected each of {', '.join(theirs)} with one of "
                f"{', '.join(by_path)}"
            )
        return [(path, by_path[own]) for path, own in names.items()]
    if len(theirs) != len(ours):
        raise ValueError(
            f"PyTorch has {len(theirs)} layers with weights and the model {len(ours)}: "
            f"{'; '.join(_described(p, a) for p, a in theirs.items())} for "
            f"{'; '.join(map(str, ours))}"
        )
    if not any(map(is_attention, theirs.values())):
        return list(zip(theirs, ours, strict=True))
    # a block's attention, norms and dense layers stand in another order, those of one kind in the same
    paths = by_kind(theirs)
    kinds = [g.kind if g.kind in paths else "" for g in ours]
    if any(kinds.count(kind) != len(found) for kind, found in paths.items()):

        def counted(numbers: Iterable[int]) -> str:
            return "{} attentions, {} norms and {} others".format(*numbers)

        raise ValueError(
            f"PyTorch has {counted(map(len, paths.values()))} with weights, and the model "
            f"{counted(map(kinds.count, paths))}: expected as many of each"
        )
    orders = {kind: iter(found) for kind, found in paths.items()}
    return [(next(orders[kind]), g) for kind, g in zip(kinds, ours, strict=True)]


def _parts(group: Group, theirs: Iterable[str] = ()) -> list[Part]:
    """The layouts of its variables; unchanged for a custom layer, which has the same names."""
    if group.kind not in LAYOUTS or set(theirs) == set(group.variables):
        return [same(n, n) for n in group.variables]
    return [p for p in LAYOUTS[group.kind] if p.ours in group.variables]


def _read(arrays: Arrays, group: Group) -> Arrays | None:
    """The layer's variables from a module's arrays; None if they do not fit."""
    parts = _parts(group, arrays)
    if {n for p in parts for n in p.theirs} != set(arrays) or len(parts) != len(group.variables):
        return None
    out = {}
    for part in parts:
        try:
            array = part.read(*(arrays[n] for n in part.theirs))
        except ValueError:
            return None
        want = group.variables[part.ours].shape
        if part.split and array.shape == (*want[:-2], 1, want[-2] * want[-1]):
            array = array.reshape(want)
        if array.shape != want:
            return None
        out[part.ours] = array
    return out


def _bessel(model: Model, group: Group, batch_size: int | None) -> float:
    """n/(n-1), by which PyTorch's running variance is larger; 1 where it is to stay as it is."""
    if batch_size is None:
        return 1.0
    if not hasattr(batch_size, "__index__") or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r}: expected a whole number of at least 1")
    n = numbers_behind(model, group, int(batch_size))
    if n < 2:
        raise ValueError(
            f"batch_size={batch_size}: the running variance of {group.path} would be that of one "
            "number: expected at least 2"
        )
    return n / (n - 1)


def _written(
    model: Model,
    group: Group,
    channels_first: bool,
    batch_size: int | None,
    names: Iterable[str],
) -> Arrays:
    out: Arrays = {}
    for part in _parts(group, names):
        array = numbers_of(model, group, part.ours)
        if part.ours == "running_var":
            array = array * _bessel(model, group, batch_size)
        if _is_product(group, part.ours) and channels_first:
            image = image_before(model, group.variables[part.ours])
            array = array if image is None else rows_to_channels_first(array, image)
        out.update(zip(part.theirs, part.write(array), strict=True))
    return out


def _is_product(group: Group, name: str) -> bool:
    return group.kind == "Dense" and name == "kernel"


def _warn_of_epsilons(modules: Mapping[str, Any], pairs: list[tuple[str, Group]]) -> None:
    for path, group in pairs:
        theirs, ours = getattr(modules.get(path), "eps", None), group.epsilon
        if theirs is not None and ours is not None and theirs != ours:
            warnings.warn(
                f"{group.path} has epsilon={ours} and PyTorch's {path} has eps={theirs}: make it "
                f"gd.{group.kind}(epsilon={theirs}) to get the same outputs",
                stacklevel=3,
            )
