"""A network as a picture: its layers and how they are joined, drawn as SVG without a library.

Values of the traced graph are gathered into nodes: an input, a layer's output with all that the
layer computes on the way to it, or an output that no layer put out. What is computed between
layers, such as the sum of a residual connection, becomes a small node of its own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gdcore.activations import ACTIVATIONS
from gdcore.engine.engine import engine_of
from gdcore.graph.ir import Value, base, topological
from gdcore.graph.ops.leaves import INPUT
from gdcore.graph.passes.phases import specialize
from gdcore.io import write_atomically
from gdcore.layers.base import Parameter
from gdcore.plots.layered import Layout, arrange
from gdcore.show.summary import layer_names

if TYPE_CHECKING:
    from gdcore.engine.network import Network

__all__ = ["Drawing", "graph"]

# Fill and frame by kind of node; told apart by their words, too.
COLOURS = {
    "input": ("#f2f2f2", "#666666"),
    "output": ("#fbe3d3", "#D55E00"),
    "learns": ("#d9e9f6", "#0072B2"),
    "layer": ("#ffffff", "#666666"),
    "op": ("#e3f4ec", "#009E73"),
}
SIGNS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "matmul": "@", "concatenate": "concat"}
HIDDEN = (
    "identity",
    "reshape",
    "when_training",
    "with_update",
    "carried",
    "as_rows",
    "constant",
    "count",
)
CHAR, SMALL, PAD = 7.4, 6.3, 14.0


@dataclass
class Node:
    """A box of the picture.

    Attributes
    ----------
    title, detail : str
        What stands in it, in large and in small.
    kind : a key of `COLOURS`
    sources : nodes that it is computed from
    """

    title: str
    detail: str
    kind: str
    sources: list[Node] = field(default_factory=list)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        if self.kind == "op":
            return max(30.0, len(self.title) * CHAR + PAD), 30.0
        wide = max(len(self.title) * CHAR, len(self.detail) * SMALL) + 2 * PAD
        return max(wide, 90.0), 46.0 if self.detail else 32.0


@dataclass(frozen=True)
class Drawing:
    """A picture of a network; notebooks show it.

    Attributes
    ----------
    svg : str
    nodes : list of Node

    Examples
    --------
    >>> import gdcore as gd
    >>> drawing = gd.Sequential([gd.Input(8), gd.Dense(1)]).draw()
    >>> drawing.svg.startswith("<svg"), len(drawing.nodes)
    (True, 2)
    >>> drawing.save("network.svg")
    """

    svg: str
    nodes: list[Node]

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to an .svg file.

        Parameters
        ----------
        path : path-like
            An old file stays until the new one is complete.

        Raises
        ------
        ValueError
            For another ending.
        OSError
            If it cannot be written; a file that was there is left as it was.
        """
        if not os.fspath(path).lower().endswith(".svg"):
            raise ValueError(f"{os.fspath(path)}: a drawing is written as .svg")
        write_atomically(path, [self.svg.encode()])


def graph(model: Any, path: str | os.PathLike[str] | None = None) -> Drawing:
    """Draw a model's layers and how they are joined, from the inputs at the top to the outputs.

    Parameters
    ----------
    model : Model
        Whose input is known: it begins with `gd.Input`, or has seen data.
    path : path-like, optional
        An .svg file to write.

    Returns
    -------
    Drawing

    Raises
    ------
    ValueError
        If the model's input is not known yet, or the path does not end in .svg.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(8)
    >>> drawing = graph(gd.Model(x, x + gd.Dense(8, activation="relu")(x)))
    >>> [node.title for node in drawing.nodes]
    ['x', 'Dense relu', '+']
    """
    network = engine_of(model).network()
    nodes = _nodes(model, network)
    index = {id(n): i for i, n in enumerate(nodes)}
    edges = [(index[id(s)], i) for i, n in enumerate(nodes) for s in n.sources]
    drawing = Drawing(_svg(nodes, arrange([n.size for n in nodes], edges)), nodes)
    if path is not None:
        drawing.save(path)
    return drawing


def _nodes(model: Any, network: Network) -> list[Node]:
    """The nodes, each after its sources."""
    names = layer_names(model, network)
    outputs = network.outputs
    order = topological(outputs)
    ends = {v for v in order if v.layer is not None}
    ends |= {  # what a layer is given that no layer put out
        x
        for v in order
        for x in v.inputs
        if v.within is not x.within and x.op.kind != "leaf" and x.op.name not in HIDDEN
    }
    if not ends:  # a model from a file: a layer's output is what the next kernel reads
        outputs, _ = specialize(outputs, training=False)
        order = topological(outputs)
        kernels = [v for v in order if v.op.kind == "kernel"]
        ends = {base(x) for v in kernels for x in v.inputs if base(x).op.kind != "leaf"}
    last = set(outputs)
    made: dict[Value, Node] = {}
    for v in order:
        if v.op is INPUT:
            made[v] = Node(v.name, _dims(v), "input")
        elif v in ends or v in last:
            made[v] = _node(v, made, names.get(v.layer, ""), network, v in last)
    return list(made.values())


def _dims(v: Value) -> str:
    return "×".join(map(str, v.shape))


def _node(v: Value, made: dict[Value, Node], name: str, network: Network, last: bool) -> Node:
    """The node of a value, and of all that leads to it from other nodes."""
    inside, sources = _between(v, made)
    held = {x.attrs["variable"]: None for x in inside if "variable" in x.attrs}
    count = sum(p.size for p in held if isinstance(p, Parameter))
    ops = [x.op.name for x in inside if x.op.kind != "leaf" and x.op.name not in HIDDEN]
    sign = SIGNS.get(ops[0], ops[0]) if ops else "output"
    if not held and (len(sources) > 1 or not name):
        return Node(sign, "", "op", sources)
    if not name:
        owners = dict.fromkeys(network.names[p].rpartition(".")[0] for p in held)
        title = " ".join([", ".join(filter(None, owners)), sign if sign in ACTIVATIONS else ""])
        title = title.strip() or sign
    else:
        kind = type(v.layer).__name__
        plain = name.lower().rstrip("_0123456789.")
        title = kind if not plain or plain.endswith(kind.lower()) else f"{name}: {kind}"
        called = getattr(getattr(v.layer, "activation", None), "__name__", "")
        title += f" {called}" if called in ACTIVATIONS and called != "linear" else ""
    detail = f"{_dims(v)} · {count:,} parameters" if count else _dims(v)
    return Node(title, detail, "output" if last else "learns" if count else "layer", sources)


def _between(v: Value, made: dict[Value, Node]) -> tuple[list[Value], list[Node]]:
    """The values that lead to this one from nodes made before, and those nodes."""
    inside, sources, seen = [v], [], {v}
    for x in inside:  # grows as it goes
        for y in x.inputs:
            if y in seen:
                continue
            seen.add(y)
            if y in made:
                sources.append(made[y])
            else:
                inside.append(y)
    return inside, sources


def _svg(nodes: list[Node], layout: Layout) -> str:
    """The picture."""
    from gdcore.show.html import escape

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{layout.width:.0f}" '
        f'height="{layout.height:.0f}" viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" '
        'font-family="Helvetica, Arial, sans-serif">',
        '<defs><marker id="gd-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0.8 L8,4 L0,7.2 z" fill="#777777"/></marker>'
        "</defs>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for path in layout.edges:
        parts.append(
            f'<path d="{_curve(path)}" fill="none" stroke="#777777" stroke-width="1.3" '
            'marker-end="url(#gd-arrow)"/>'
        )
    for node, (x, y) in zip(nodes, layout.places, strict=True):
        wide, high = node.size
        fill, frame = COLOURS[node.kind]
        round_ = high / 2 if node.kind == "op" else 7
        parts.append(
            f'<rect x="{x - wide / 2:.1f}" y="{y - high / 2:.1f}" width="{wide:.1f}" '
            f'height="{high:.1f}" rx="{round_:.0f}" fill="{fill}" stroke="{frame}" '
            'stroke-width="1.3"/>'
        )
        two = bool(node.detail) and node.kind != "op"
        parts.append(
            f'<text x="{x:.1f}" y="{y + (-3 if two else 4.5):.1f}" text-anchor="middle" '
            f'font-size="13" fill="#111111">{escape(node.title)}</text>'
        )
        if two:
            parts.append(
                f'<text x="{x:.1f}" y="{y + 14:.1f}" text-anchor="middle" font-size="11" '
                f'fill="#555555">{escape(node.detail)}</text>'
            )
    return "\n".join([*parts, "</svg>"])


def _curve(points: list[tuple[float, float]]) -> str:
    """A path that leaves and arrives upright, and is straight where it can be."""
    (x, y), *rest = points
    path = f"M{x:.1f},{y:.1f}"
    for u, v in rest:
        if abs(u - x) < 0.5:
            path += f"L{u:.1f},{v:.1f}"
        else:
            middle = (y + v) / 2
            path += f"C{x:.1f},{middle:.1f} {u:.1f},{middle:.1f} {u:.1f},{v:.1f}"
        x, y = u, v
    return path
