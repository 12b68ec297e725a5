"""Products whose factors are rounded to bfloat16: the attribute `bfloat16` of each product of a graph is set.

The body of a loop is narrowed when it is planned. Products of sparse rows and depthwise convolutions stay in float32,
and those of tiles by Winograd's algorithm, which is faster yet and would multiply the error of rounded factors.
"""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.graph.ir import Value, rewrite, with_attrs
from gdcore.graph.ops.attention import ATTENTION, GRADIENT
from gdcore.graph.ops.convolution_plans import depthwise
from gdcore.graph.ops.convolutions import CONV, CONV_DW, CONV_DX
from gdcore.graph.ops.products import MATMUL, MATMUL_ADD


def narrow_products(roots: Sequence[Value], how: int) -> dict[Value, Value]:
    """For every value of a graph, one whose products round their factors to bfloat16.

    Parameters
    ----------
    roots : sequence of Value
    how : int
        Of what code multiplies them: see `gdcore.compute`.
    """

    return rewrite(roots, lambda v: with_attrs(v, bfloat16=how) if _is_product(v) else v)


def _is_product(v: Value) -> bool:
    if v.op in (CONV, CONV_DX, CONV_DW):
        kernel = v.shape if v.op is CONV_DW else v.inputs[1].shape
        return not depthwise(kernel, v.attrs["groups"]) and not v.attrs.get("winograd")
    return v.op in (MATMUL, MATMUL_ADD, ATTENTION, GRADIENT)
