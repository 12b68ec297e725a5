"""Mutations: of bytes, of JSON trees, of protobuf messages, of rows of text. `rng` is a random.Random."""

import json

MANY = (9, 17, 57, 65, 129, 260, 1000)  # beyond what somebody may have made room for
NUMBERS = [0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**40,
           2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -1, -2, -(2**31), -(2**63)]  # fmt: skip
REALS = [0.0, -0.0, 1.0, 0.5, -1.0, 1e-45, 1e308, -1e308, 3.4e38, float("inf"), float("nan")]
TEXTS = ["", "B", "inf", "NaN", "\x00", "é", "\ud800", "../../etc/passwd", "/etc/passwd", "x" * 300]


def mutate_bytes(rng, data, other):
    """A few bytes changed, cut, repeated or taken from another input."""
    out = bytearray(data)
    for _ in range(1 << rng.randrange(4)):
        at = rng.randrange(len(out) + 1)
        span = 1 << rng.randrange(7)
        how = rng.randrange(8)
        if how == 0 and out:
            out[at % len(out)] = rng.randrange(256)
        elif how == 1 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif how == 2:
            del out[at : at + span]
        elif how == 3:
            out[at:at] = bytes(rng.randrange(256) for _ in range(min(span, 16)))
        elif how == 4:
            out[at:at] = out[at : at + span]
        elif how == 5:
            size = rng.choice((1, 2, 4, 8))
            number = rng.choice(NUMBERS) % (1 << 8 * size)
            out[at : at + size] = number.to_bytes(size, rng.choice(("little", "big")))
        elif how == 6 and other:
            begin = rng.randrange(len(other))
            out[at : at + rng.choice((0, span))] = other[begin : begin + span]
        else:
            del out[at + len(out) // 2 if rng.random() < 0.5 else at :]
    return bytes(out)


def _places(tree, found, where=None):
    found.append(where)
    if isinstance(tree, dict):
        for key in tree:
            _places(tree[key], found, (tree, key))
    elif isinstance(tree, list):
        for i in range(len(tree)):
            _places(tree[i], found, (tree, i))


def anything(rng, deep=2):
    """A value that JSON can hold."""
    kind = rng.randrange(8 if deep else 6)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return rng.choice(REALS)
    if kind == 2:
        return rng.choice(TEXTS)
    if kind == 3:
        return rng.choice([None, True, False])
    if kind in (4, 5):
        return rng.randrange(20)
    if kind == 6:
        return [anything(rng, deep - 1) for _ in range(rng.randrange(4))]
    return {rng.choice(TEXTS): anything(rng, deep - 1) for _ in range(rng.randrange(3))}


def mutate_tree(rng, tree):
    """A JSON tree with a few places changed; the given one is not touched."""
    tree = json.loads(json.dumps(tree))
    for _ in range(1 + rng.randrange(3)):
        places = []
        _places(tree, places)
        if len(places) < 2:
            return anything(rng)
        holder, key = rng.choice(places[1:])
        how, old = rng.randrange(11), holder[key]
        if how < 3:
            holder[key] = anything(rng)
        elif how == 3:
            del holder[key]
        elif how == 4 and isinstance(holder, list):
            holder.insert(key, old)
        elif how == 5:
            other, at = rng.choice(places[1:])
            if at in other if isinstance(other, dict) else at < len(other):
                holder[key] = json.loads(json.dumps(other[at], default=str))
        elif how == 6 and isinstance(old, int):
            holder[key] = old + rng.choice((-1, 1))
        elif how == 7 and isinstance(old, str) and isinstance(holder, dict):
            holder[rng.choice((old, key + "x", ""))] = holder.pop(key)
        elif how == 8 and isinstance(old, list):
            rng.shuffle(old)
        elif how == 9 and old and isinstance(holder, list) and len(json.dumps(old)) < 100:
            holder[key:key] = multiplied(rng, old)
        elif how == 9 and isinstance(old, dict) and len(old) < 1000 and old:
            some = rng.choice(list(old))
            old |= {f"{some}{i}": old[some] for i in range(rng.choice(MANY))}
        else:
            holder[key] = rng.choice((rng.choice(NUMBERS), rng.randrange(8)))
    return tree


def multiplied(rng, item):
    """An item of a list many times, each with a name of its own where it has one."""
    count = rng.choice(MANY)
    if isinstance(item, str) and rng.random() < 0.5:
        return [f"{item}{i}" for i in range(count)]
    if isinstance(item, dict) and isinstance(item.get("name"), str):
        return [item | {"name": f"{item['name']}{i}"} for i in range(count)]
    return [item] * count


def multiply_outputs(rng, graph):
    """Outputs, inputs of an op, or dimensions of shapes, very many of them, and all else as it must be."""
    nodes = graph["nodes"]
    how, count = rng.randrange(4), rng.choice(MANY)
    if how == 0:
        graph["outputs"] = (graph["outputs"] * count)[:count]
        graph["output_names"] = rng.choice((None, [f"y{i}" for i in range(count)]))
    elif how == 1:  # a copy of so many inputs, behind the first output
        shape = nodes[graph["outputs"][0]]["shape"]
        if len(shape) > 1 and isinstance(shape[1], int):
            joined = [shape[0], shape[1] * count, *shape[2:]]
            nodes.append({"op": "concatenate", "in": [graph["outputs"][0]] * count, "shape": joined,
                          "attrs": {"axis": 1}})  # fmt: skip
            graph["outputs"][0] = len(nodes) - 1
    elif how == 2:  # inputs that nothing reads
        for i in range(count):
            nodes.append(
                {
                    "op": "input",
                    "in": [],
                    "shape": [["B", 1], 1],
                    "name": f"more{i}",
                    "dtype": "real",
                }
            )
            graph["inputs"].append(len(nodes) - 1)
    else:  # a transpose of as many dimensions as a shape may have
        ones, out = [["B", 1], *[2] * rng.randrange(1, 15)], graph["outputs"][0]
        size = 2 ** (len(ones) - 1)
        nodes.append(
            {"op": "input", "in": [], "shape": [["B", 1], size], "name": f"n{out}", "dtype": "real"}
        )
        graph["inputs"].append(len(nodes) - 1)
        nodes.append(
            {"op": "reshape", "in": [len(nodes) - 1], "shape": ones, "attrs": {"shape": ones}}
        )
        axes = [0, *rng.sample(range(1, len(ones)), len(ones) - 1)]
        nodes.append(
            {"op": "transpose", "in": [len(nodes) - 1], "shape": ones, "attrs": {"axes": axes}}
        )
        graph["outputs"].append(len(nodes) - 1)


def mutate_message(rng, message, words):
    """A protobuf message with a few fields changed, in place. `words` are texts that mean something."""
    messages = [message]
    for m in messages:
        for field, value in m.ListFields():
            if field.type == field.TYPE_MESSAGE:
                messages.extend(value if field.is_repeated else [value])
    for _ in range(1 + rng.randrange(4)):
        m = rng.choice(messages)
        present = m.ListFields()
        if not present:
            continue
        field, value = rng.choice(present)
        if not field.is_repeated:
            if field.type == field.TYPE_MESSAGE or rng.random() < 0.1:
                if rng.random() < 0.2:
                    m.ClearField(field.name)
            else:
                setattr(m, field.name, _scalar(rng, field, value, words))
            continue
        how, at = rng.randrange(6), rng.randrange(len(value))
        if how == 0:
            del value[at]
        elif field.type == field.TYPE_MESSAGE:
            if how < 3:
                for i in range(rng.choice((1,) * 20 + MANY)):
                    more = value.add()
                    more.CopyFrom(value[at])
                    if how == 2 and i and hasattr(more, "name"):
                        more.name = f"{more.name}{i}"
            elif how < 5 and len(value) > 1:
                keep = value[at].__class__()
                keep.CopyFrom(value[at])
                other = rng.randrange(len(value))
                value[at].CopyFrom(value[other])
                value[other].CopyFrom(keep)
        elif how == 1:
            value.extend([value[at]] * rng.choice((1, 1, *MANY)))
        else:
            value[at] = _scalar(rng, field, value[at], words)


def _scalar(rng, field, old, words):
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return rng.choice(REALS)
    if field.type == field.TYPE_BYTES:
        return mutate_bytes(rng, old, b"") if rng.random() < 0.7 else rng.choice(words).encode()
    if field.type == field.TYPE_STRING:
        return rng.choice(words)
    low, high = {field.TYPE_INT32: (-(2**31), 2**31 - 1), field.TYPE_ENUM: (0, 30)}.get(
        field.type, (-(2**63), 2**63 - 1)
    )
    if field.type == field.TYPE_UINT64:
        low, high = 0, 2**64 - 1
    new = rng.choice((rng.choice(NUMBERS), old + rng.choice((-1, 1)), rng.randrange(-4, 24)))
    return min(max(new, low), high)


def mutate_rows(rng, text, delimiters=",;\t"):
    """A table's text with cells, rows and marks changed."""
    rows = text.split("\n")
    for _ in range(1 + rng.randrange(4)):
        at = rng.randrange(len(rows))
        cells = rows[at].split(",")
        where = rng.randrange(len(cells))
        how = rng.randrange(7)
        if how == 0:
            cells[where] = rng.choice(
                [*map(str, NUMBERS), *map(str, REALS), *TEXTS, '"', "?", "NA"]
            )
        elif how == 1:
            del cells[where]
        elif how == 2:
            cells.insert(where, cells[where] * rng.choice((1, 100)))
        elif how == 3:
            cells[where] = f'"{cells[where]}' + rng.choice(('"', "", '""', '\n"', '"x'))
        rows[at] = rng.choice(delimiters).join(cells) if how == 4 else ",".join(cells)
        if how == 5:
            rows.insert(at, rows[rng.randrange(len(rows))])
        elif how == 6:
            del rows[at]
            rows = rows or [""]
    return rng.choice(("\n", "\n", "\n", "\r\n", "\r", "\0")).join(rows)
