"""Chains: elementwise passes that are so common that C has each as one loop.

A chain is known by its key, which says everything that the loop depends on: ``vvs>1:add 3 0 1;mul 3 3 2``
reads two vectors and one number for each row, writes one vector, and does to its registers what
`lower` wrote. `as_c` turns the key into that loop. A pass whose key C does not have runs operation by
operation, to the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence

NUMBERED = (
    "leaky_relu",
    "elu",
)  # operations that take a number of the plan's besides their operand
ARITY = {"where": 3} | dict.fromkeys(
    [
        "add",
        "sub",
        "mul",
        "div",
        "pow",
        "maximum",
        "minimum",
        "equal",
        "not_equal",
        "less",
        "less_equal",
    ],
    2,
)
LONGEST = 24  # operations; longer chains would run out of registers


def chain_key(
    one_for_a_row: Sequence[bool], n_out: int, names: Sequence[str], code: Sequence[int]
) -> str:
    """What identifies a chain.

    Parameters
    ----------
    one_for_a_row : for each input, whether all elements of a row are the same number
    n_out : outputs
    names : operations in their order
    code : five numbers for each of them, as in csrc/ops/map.c
    """
    steps = []
    for i, name in enumerate(names):
        _, to, *operands = code[5 * i : 5 * i + 5]
        steps.append(" ".join([name, str(to), *map(str, operands[: ARITY.get(name, 1)])]))
    kinds = "".join("s" if one else "v" for one in one_for_a_row)
    return f"{kinds}>{n_out}:{';'.join(steps)}"


def as_c(key: str, number: int) -> str:
    """The loop of a chain, as a C function ``chain_<number>``.

    Raises
    ------
    ValueError
        If it draws random numbers, or is longer than `LONGEST`.
    """
    head, body = key.split(":")
    kinds, n_out = head.split(">")
    steps = [step.split() for step in body.split(";")]
    if any(step[0] == "random_uniform" for step in steps) or len(steps) > LONGEST:
        raise ValueError(f"no loop for the chain {key!r}: it draws random numbers, or is too long")
    n_in = len(kinds)
    value = {k: f"s{k}" if kind == "s" else f"LOAD({k})" for k, kind in enumerate(kinds)}
    lines, uses = [], [int(r) for step in steps for r in step[2:]]
    for k, kind in enumerate(kinds):
        if kind == "v" and uses.count(k) > 1:
            lines.append(f"const vec x{k} = LOAD({k});")
            value[k] = f"x{k}"
    numbers = []
    for i, (name, to, *operands) in enumerate(steps):
        arguments = [value[int(r)] for r in operands]
        if name in NUMBERED:
            numbers.append(f"NUMBER({i})")
            arguments.append(f"q{i}")
        lines.append(f"const vec t{i} = e_{name}({', '.join(arguments)});")
        value[int(to)] = f"t{i}"
    lines += [f"STORE({k}, {value[n_in + k]});" for k in range(int(n_out))]
    opened = [f"{'ROW' if kind == 's' else 'VECTOR'}({k})" for k, kind in enumerate(kinds)]
    outputs = [f"OUTPUT({k})" for k in range(int(n_out))]
    return "\n".join(
        [
            f"CHAIN({number}) {{ /* {'·'.join(step[0] for step in steps)} */",
            *(f"  {n}" for n in numbers),
            "  EACH_ROW {",
            f"    {' '.join(opened + outputs)}",
            "    EACH_VECTOR(",
            *(f"      {line}" for line in lines),
            "    )",
            "  }",
            "}",
        ]
    )
