"""A network of every layer that attends, for tests that go through all layers."""

import gdcore as gd

LAYERS = {
    *("AdditiveAttention", "MultiHeadAttention", "PositionalEncoding", "TiedDense"),
    *("TransformerDecoder", "TransformerEncoder"),
}


def attending(classes):
    """From 64 numbers, as 16 steps of 4, to classes."""
    x = gd.Input(64)
    z = gd.PositionalEncoding("learned")(gd.Dense(24)(gd.Reshape((16, 4))(x)))
    context = gd.TransformerEncoder(4, 20, "gelu", dropout=0.1, relative=3)(z)
    z = gd.TransformerDecoder(4, 20, norm_first=True, kv_heads=2, rotary=True)(z, context)
    z = gd.TiedDense(gd.Embedding(9, 24), use_bias=True)(z)
    return gd.Model(x, gd.Dense(classes)(gd.AdditiveAttention(8)(gd.Flatten()(z), context)))
