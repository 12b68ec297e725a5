"""Networks that are written from `gd.ops` alone, full of slices and transposes."""

import gdcore as gd


class Attention(gd.Layer):
    """Heads that look at one another, written by hand."""

    def forward(self, x):
        steps, width = x.shape[1:]
        heads, each = 2, width // 2

        def projected(v, name):
            w = self.param(f"w{name}", (width, width), "glorot_uniform")
            return v @ w + self.param(f"b{name}", (width,), "zeros")

        def split(v):
            return gd.ops.transpose(
                gd.ops.reshape(v, (v.shape[0], steps, heads, each)), (0, 2, 1, 3)
            )

        q, k, v = (split(projected(x, name)) for name in "qkv")
        scores = gd.ops.matmul(q, gd.ops.transpose(k, (0, 1, 3, 2))) * each**-0.5
        seen = gd.ops.transpose(gd.ops.matmul(gd.ops.softmax(scores), v), (0, 2, 1, 3))
        return projected(gd.ops.reshape(seen, x.shape), "o")


def attention():
    x = gd.Input((5, 6))
    h = x + gd.Dense(6)(x)
    return gd.Model(x, gd.Dense(4)(gd.Flatten()(h + Attention()(h))))


class Steps(gd.Layer):
    """A recurrent cell whose steps are slices, with one weight for all of them."""

    def forward(self, x):
        w = self.param("w", (x.shape[2], x.shape[2]), "orthogonal")
        h = gd.ops.tanh(x[:, 0])
        for t in range(1, x.shape[1]):
            h = gd.ops.tanh(x[:, t] + h @ w)
        return h


def by_steps():
    x = gd.Input((4, 3))
    return gd.Model(x, gd.Dense(4)(Steps()(gd.Dense(5)(x))))
