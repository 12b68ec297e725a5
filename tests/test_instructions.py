"""The machine code itself: what a processor without AVX runs holds no AVX instruction.

The compiled extension is disassembled. Its symbol table lists the functions of one object after the
other in the order in which they were linked (setup.py), so each function has its instruction set.
"""

import bisect
import platform
import re
import shutil
import subprocess

import pytest

from gdcore import _core

# Encoded with VEX or EVEX: what begins with v, masks, and the whole-number instructions of BMI;
# and what came after SSE2, on which x86-64 is built.
LATER = re.compile(
    r"v(?!err|erw)\w+|k(?:mov|and|or|not|xor|shift|unpck|test|ortest|add)\w*|andn|bextr|bls\w+|bzhi"
    r"|mulx|p(?:dep|ext)|(?:sar|shl|shr)x|rorx|p(?:blend\w+|shufb|mulld|test|max[su]d|min[su]d|abs\w)"
    r"|round[ps][sd]|blendv?p[sd]|dpp[sd]|popcnt|crc32\w*"
)
WIDE = re.compile(r"%[yz]mm|%k[0-7]")


def listed(*command):
    tool = shutil.which(command[0])
    if tool is None:
        pytest.skip(f"needs {command[0]}")
    return subprocess.run(
        [tool, *command[1:], _core.__file__], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def owners():
    """(address, end, instruction set or "common") of every function, in order of addresses."""
    order = [name for name, _ in _core.isa_names() for _ in (32, 64)]
    seen, isa, found = {}, "common", {}
    for line in listed("readelf", "-sW"):
        part = line.split()
        if len(part) < 7 or not part[0].rstrip(":").isdigit():
            continue
        if part[3] == "FILE":
            name = part[7] if len(part) > 7 else ""
            k = seen[name] = seen.get(name, -1) + 1
            many = name in KERNELS and k < len(order)
            isa = order[k] if many else "common"
        elif part[3] == "FUNC" and part[6] != "UND":
            own = re.search(r"_(baseline|avx2|avx512)_f(?:32|64)\b", part[7])
            at, size = int(part[1], 16), int(part[2], 0)
            found[at] = (at + size, own.group(1) if own else isa)
    if not seen:
        pytest.skip("the extension was stripped of its symbols")
    assert {seen.get(name) for name in KERNELS} == {len(order) - 1}, seen
    return [(at, *found[at]) for at in sorted(found)]


KERNELS = (
    *(
        "attention.c",
        "bags.c",
        "bf16_tiles.c",
        "conv.c",
        "convert.c",
        "depthwise.c",
        "finite.c",
        "gemm.c",
        "index.c",
    ),
    *("map.c", "move.c", "pack.c", "pool.c", "product.c", "reduce.c", "resample.c", "rows.c"),
    *("scan.c", "softmax.c", "update_rows.c", "window.c", "winograd.c"),
)


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86-64 only")
def test_no_avx_where_there_may_be_none():
    functions = owners()
    starts = [f[0] for f in functions]
    plain, wide = {}, {}
    for line in listed("objdump", "-d", "--no-show-raw-insn"):
        match = re.match(
            r"\s*([0-9a-f]+):\s+(?:(?:bnd|notrack|rep\w*|lock|data16|cs) )*(\S+)(.*)", line
        )
        if match is None:
            continue
        at = int(match[1], 16)
        k = bisect.bisect_right(starts, at) - 1
        isa = functions[k][2] if k >= 0 and at < functions[k][1] else "common"
        if LATER.fullmatch(match[2]) or WIDE.search(match[3]):
            wide[isa] = wide.get(isa, 0) + 1
            assert isa in ("avx2", "avx512"), f"{isa}: {line}"
        else:
            plain[isa] = plain.get(isa, 0) + 1
    print(f"instructions: {plain}; of AVX and later: {wide}")
    assert set(plain) == {"common", "baseline", "avx2", "avx512"}
    assert min(plain.values()) > 1000  # the common part, too, was really looked at
    assert set(wide) == {"avx2", "avx512"}
    assert min(wide.values()) > 10000
