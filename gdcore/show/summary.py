"""A model in one look: its layers, their sizes, and what training takes in memory and work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gdcore.engine.engine import Engine, engine_of
from gdcore.engine.network import Network
from gdcore.engine.steps import Builder
from gdcore.graph.dims import Shape
from gdcore.graph.ir import topological
from gdcore.layers.base import Layer, Parameter, Variable
from gdcore.losses.readings import describe
from gdcore.printed import shown
from gdcore.show.flops import by_layer, by_name
from gdcore.show.html import Columns

__all__ = ["amount", "summary", "table"]

SUPPOSED_BATCH = 32  # of the training step whose memory is shown before the first `fit`


def table(rows: Sequence[Sequence[str]], align: str, header: bool = True) -> str:
    """Columns of text, with a rule below the first row and between the parts.

    Parameters
    ----------
    rows : sequence of rows
        An empty row becomes a rule.
    align : str
        "<" or ">" for each column.
    header : bool
        Whether the first row is a heading.

    Examples
    --------
    >>> print(table([("name", "n"), ("kernel", "12")], "<>"))
    name     n
    ──────  ──
    kernel  12
    """
    rows = [[shown(cell) for cell in row] for row in rows]
    widths = [max(len(row[c]) for row in rows if row) for c in range(len(align))]
    rule = "  ".join(shown("─") * w for w in widths)
    lines = []
    for i, row in enumerate(rows):
        cells = zip(row, align, widths, strict=True) if row else ()
        lines.append(
            "  ".join(f"{text:{side}{width}}" for text, side, width in cells).rstrip()
            if row
            else rule
        )
        if i == 0 and header:
            lines.append(rule)
    return "\n".join(lines)


def amount(nbytes: int) -> str:
    """Bytes as people read them.

    Examples
    --------
    >>> amount(512), amount(276_480), amount(3 << 30)
    ('512 B', '270.0 KiB', '3.0 GiB')
    """
    size = float(nbytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{nbytes} B" if unit == "B" else f"{size:,.1f} {unit}"


@dataclass
class Row:
    """One layer."""

    path: str
    kind: str
    output: str
    variables: list[Variable] = field(default_factory=list)
    flops: int = 0

    @property
    def parameters(self) -> str:
        """The number of parameters of the row, marked if they are frozen."""
        own = [v for v in self.variables if isinstance(v, Parameter)]
        frozen = own and not any(p.trainable for p in own)
        return f"{sum(p.size for p in own):,}" + (" frozen" if frozen else "") if own else "0"


def summary(model: Layer) -> Columns:
    """A table of a model's layers, then totals.

    Parameters
    ----------
    model : Model

    Returns
    -------
    str
        One row for each layer with its path, class, output shape (B is the batch), parameters, and
        the floating-point operations that it takes to predict one sample; they add up to those of
        the plan. A model from a file has no layers any more, only a graph: its rows are what its
        parameters' names share. Prompts and notebooks show it as it is.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(4), gd.Dense(3, activation="relu"), gd.Dense(2)])
    >>> print(summary(model))
    layer  class  output  parameters  FLOPs
    ─────  ─────  ──────  ──────────  ─────
    0      Dense  B×3             15     30
    1      Dense  B×2              8     14
    ─────  ─────  ──────  ──────────  ─────
    parameters   23 (23 trainable, 0 frozen)
    states       0
    memory       ... B of parameters, gradients
    training     not compiled
    prediction   44 FLOPs a sample
    """
    engine = engine_of(model)
    try:
        network = engine.network()
    except ValueError as error:  # the shape of the input is not known before the first data
        shown = [
            ("layer", "class", "output", "parameters", "FLOPs"),
            *((path, type(layer).__name__, "?", "?", "?") for path, layer in _own_layers(model)),
            (),
        ]
        return Columns(table(shown, "<<<>>") + f"\n{error}")
    layers = _layer_rows(engine, network)
    if layers:
        shown = [("layer", "class", "output", "parameters", "FLOPs")]
        shown += [(r.path, r.kind, r.output, r.parameters, f"{r.flops:,}") for r in layers]
        text = table([*shown, ()], "<<<>>")
    else:
        shown_tensors = [("layer", "tensors", "parameters", "FLOPs")]
        shown_tensors += [
            (r.path, r.kind, r.parameters, f"{r.flops:,}") for r in _tensor_rows(network)
        ]
        text = table([*shown_tensors, ()], "<<>>")
    return Columns("\n".join([text, *_totals(engine, network)]))


def _own_layers(model: Layer) -> list[tuple[str, Layer]]:
    """The layers that attributes hold, without those that only hold others."""
    return [
        (path, layer)
        for path, layer in model.walk()
        if layer.variables or (layer is not model and not any(True for _ in layer.sublayers()))
    ]


def layer_names(model: Layer, network: Network) -> dict[Layer, str]:
    """A name for each layer: those that attributes hold, then those met in the graph."""
    own = _own_layers(model)
    paths = {layer: path for path, layer in reversed(own)}
    inside = {layer for _, layer in model.walk()}
    order = topological(network.outputs)
    met = [v.layer for v in order if v.layer is not None] + [v.owner for v in network.names]
    names: dict[Layer, str] = {}
    for layer in (*(layer for _, layer in own), *(x for x in met if x not in inside)):
        if layer not in names:
            names[layer] = paths.get(layer) or _graph_name(layer, network, list(names.values()))
    return names


def _layer_rows(engine: Engine, network: Network) -> list[Row]:
    """A row for each layer: those that attributes hold, then those met in the graph."""
    model = engine.definition.layer
    if model.variables and engine.definition.outputs is not None:  # from a file
        return []
    flops = {layer or model: n for layer, n in by_layer(network).items()}
    paths = {layer: path for path, layer in model.walk()}
    names = layer_names(model, network)
    for layer in flops:  # a layer that contains others, and computes something itself
        if layer not in names:
            names[layer] = paths.get(layer) or (
                "(model)" if layer is model else _graph_name(layer, network, [*names.values()])
            )
    order = [*paths, *names]
    rows: list[Row] = []
    for layer in sorted(names, key=order.index):
        path = names[layer]
        own = [v for v in layer.variables.values() if v in network.names]
        output = ", ".join(map(_dims, layer._output_shapes))
        if layer is model:
            output = ", ".join(_dims(v.shape) for v in network.outputs)
        rows.append(
            Row(path, type(layer).__name__, output or "not called", own, flops.get(layer, 0))
        )
    return rows


def _graph_name(layer: Layer, network: Network, taken: Sequence[str]) -> str:
    """The name of a layer that no attribute holds: as its parameters are called, or by its kind."""
    for v in layer.variables.values():
        if v in network.names:
            return network.names[v].removesuffix(v.local_name).rstrip(".") or "(model)"
    kind = layer.name or type(layer).__name__.lower()
    return next(
        n for i in range(len(taken) + 1) if (n := f"{kind}_{i}" if i else kind) not in taken
    )


def _tensor_rows(network: Network) -> list[Row]:
    """Rows of a graph without layers: parameters and states whose names begin alike."""
    groups: dict[str, list[Variable]] = {}
    for v, name in network.names.items():
        groups.setdefault(name.rpartition(".")[0] or "(model)", []).append(v)
    flops = by_name(network)
    for path in flops:
        groups.setdefault(path, [])
    return [
        Row(
            path,
            ", ".join(f"{network.names[v].rpartition('.')[2]} {_dims(v.shape)}" for v in own),
            "",
            own,
            flops.get(path, 0),
        )
        for path, own in groups.items()
    ]


def _dims(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "1"


def _totals(engine: Engine, network: Network) -> list[str]:
    # A summary must not initialize parameters, because `fit` may set the seed later.
    memory = engine.bound or engine.detached()
    builder = Builder(network, memory, engine.settings)
    every = sum(p.size for p in network.parameters)
    trained = sum(p.size for p in memory.trainable())
    kept = [
        "parameters",
        "gradients",
        *(["optimizer"] if memory.slot_names else []),
        *(["states"] if network.states else []),
    ]
    flops = builder.predict(1).session.plan.flops(1)
    return [
        f"parameters   {every:,} ({trained:,} trainable, {every - trained:,} frozen)",
        f"states       {sum(s.size for s in network.states):,}",
        *(
            f"loss         {told}"
            for loss, output in zip(engine.settings.losses, network.outputs, strict=False)
            if (told := describe(loss, output)) is not None
        ),
        f"memory       {amount(memory.nbytes)} of {', '.join(kept)}",
        f"training     {_training(engine, builder)}",
        f"prediction   {flops:,} FLOPs a sample",
    ]


def _training(engine: Engine, builder: Builder) -> str:
    """Memory and FLOPs of the last planned training step, or of one of `SUPPOSED_BATCH` samples."""
    if engine.settings.optimizer is None:
        return "not compiled"
    made = engine.train_steps()
    if made:
        session = made[-1].session
    elif engine.target_spec:
        session = builder.train(
            SUPPOSED_BATCH, engine.target_spec, False, engine.optimizer, False
        ).session
    else:
        return "compiled; what a step takes is known once fit has seen the targets"
    batch = session.plan.batch
    return (
        f"{amount(session.nbytes)} of activations and staged data, "
        f"{session.plan.flops(batch):,} FLOPs "
        f"for a step of {batch} sample{'s' if batch != 1 else ''}"
    )
