"""A network as a picture: its layers and how they are joined, drawn as SVG by nothing but this.

Values of the traced graph are gathered into nodes: an input, a layer's output with all that the
layer computes on the way to it, or an output that no layer put out. What is computed between
layers, such as the sum of a residual connection, becomes a small node of its own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gdcore.graph.ir import Value, topological
from gdcore.graph.registry import INPUT
from gdcore.io import write_atomically
from gdcore.layers.base import Layer, Parameter
from gdcore.plots.layered import Layout, arrange
from gdcore.summary import layer_names

if TYPE_CHECKING:
    from gdcore.model import Model
    from gdcore.network import Network

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
HIDDEN = ("identity", "reshape", "when_training", "with_update", "constant", "count")
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
    """

    svg: str
    nodes: list[Node]

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to an .svg file.

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


def graph(model: Model, path: str | os.PathLike[str] | None = None) -> Drawing:
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
    ['x', 'dense', '+']
    """
    network = model.network()
    nodes = _nodes(model, network)
    index = {id(n): i for i, n in enumerate(nodes)}
    edges = [(index[id(s)], i) for i, n in enumerate(nodes) for s in n.sources]
    drawing = Drawing(_svg(nodes, arrange([n.size for n in nodes], edges)), nodes)
    if path is not None:
        drawing.save(path)
    return drawing


def _nodes(model: Model, network: Network) -> list[Node]:
    """The nodes, each after its sources."""
    names = layer_names(model, network)
    outputs = set(network.outputs)
    order = topological(network.outputs)
    tagged = any(v.layer is not None for v in order)
    users: dict[Value, int] = {}
    for v in order:
        for x in v.inputs:
            users[x] = users.get(x, 0) + 1
    made: dict[Value, Node] = {}
    for v in order:
        own = v.op is INPUT or v in outputs or v.layer in names
        if not tagged and not own:  # a model from a file: its kernels are what can be told apart
            own = v.op.kind == "kernel" or v.op.name.endswith(
                ("relu", "sigmoid", "tanh", "softmax")
            )
        if own:
            made[v] = _node(v, made, names, network, v in outputs)
    return list(made.values())


def _node(
    v: Value, made: dict[Value, Node], names: dict[Layer, str], network: Network, last: bool
) -> Node:
    """The node of a value, and of all that leads to it from other nodes."""
    shape = "×".join(map(str, v.shape))
    if v.op is INPUT:
        return Node(v.name, shape, "input")
    inside: list[Value] = [v]
    sources: list[Node] = []
    stack, seen = list(v.inputs), {v}
    while stack:
        x = stack.pop(0)
        if x in seen:
            continue
        seen.add(x)
        if x in made:
            sources.append(made[x])
        else:
            inside.append(x)
            stack += x.inputs
    held = {x.attrs["variable"] for x in inside if "variable" in x.attrs}
    count = sum(p.size for p in held if isinstance(p, Parameter))
    layer = v.layer
    ops = [x.op.name for x in inside if x.op.kind != "leaf" and x.op.name not in HIDDEN]
    joins = len(sources) > 1 and not held
    if joins or layer not in names:
        title = SIGNS.get(ops[0], ops[0]) if ops else "output"
        if held and layer not in names:
            title = f"{network.names[min(held, key=network.names.__getitem__)].rpartition('.')[0]} {title}"
        if not held:
            return Node(
                title, "" if not last else shape, "output" if last and not joins else "op", sources
            )
        return Node(title, f"{shape} · {count:,}", "output" if last else "learns", sources)
    kind = type(layer).__name__
    name = names[layer]
    title = (
        kind
        if name.lower().rstrip("_0123456789.").endswith(kind.lower()) or name.isdigit()
        else f"{name}: {kind}"
    )
    activation = getattr(layer, "activation", None)
    called = getattr(activation, "__name__", "")
    if called and called not in ("linear", "<lambda>"):
        title += f" {called}"
    detail = f"{shape} · {count:,} parameters" if count else shape
    colour = "output" if last else "learns" if count else "layer"
    return Node(title, detail, colour, sources)


def _svg(nodes: list[Node], layout: Layout) -> str:
    """The picture."""
    from gdcore.html import escape

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
