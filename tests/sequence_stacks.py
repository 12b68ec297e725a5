"""Networks with each layer of sequences, for `test_bits.py`."""

import copy

import gdcore as gd

CLASSES = 4


class Recall(gd.Layer):
    """A cell of one's own."""

    state_size = 8

    def forward(self, x, h):
        h = gd.ops.tanh(x @ self.param("w", (x.shape[-1], 8)) + 0.9 * h)
        return h, h


def sequence(*layers):
    return lambda: gd.Sequential(
        [gd.Input(64), gd.Reshape((4, 16)), *map(copy.deepcopy, layers), gd.Dense(CLASSES)]
    )


STACKS = {
    "LSTM": sequence(gd.LSTM(32, return_sequences=True), gd.LSTM(24)),
    "GRU": sequence(gd.GRU(12)),
    "SimpleRNN": sequence(gd.SimpleRNN(12, recurrent_dropout=0.2)),
    "RNN": sequence(gd.RNN(Recall())),
    "Bidirectional": sequence(gd.Masking(), gd.Bidirectional(gd.GRU(8, reset_after=False))),
    "Masking": sequence(gd.Masking(0.5), gd.LSTM(8, peepholes=True)),
    "TimeDistributed": sequence(gd.TimeDistributed(gd.Dense(5)), gd.Flatten()),
    "GlobalAvgPool": sequence(gd.Masking(), gd.GlobalAvgPool()),
    "GlobalMaxPool": sequence(gd.Masking(), gd.GlobalMaxPool()),
}
