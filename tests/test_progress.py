"""What training shows: on a terminal, in a log, on streams that cannot do either."""

import io
import itertools
from xml.etree import ElementTree

import pytest

from gdcore.show import progress
from gdcore.show.progress import Progress, as_line, duration, number, rate


class Terminal(io.StringIO):
    """A terminal so many columns wide."""

    encoding = "utf-8"

    def __init__(self, columns=80):
        super().__init__()
        self.columns = columns

    def isatty(self):
        return True

    def lines(self):
        """What was drawn, one drawing after another."""
        return self.getvalue().rstrip("\n").split("\r\x1b[2K")[1:]


@pytest.fixture
def clock(monkeypatch):
    """A clock that `train` sets, and terminals of the width they say."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress.time, "monotonic", lambda: NOW[0])
    monkeypatch.setattr(progress, "_columns", lambda stream: stream.columns)


LOGS = {"loss": 0.51234, "accuracy": 0.75, "lr": 0.001}
VALIDATED = {**LOGS, "val_loss": 0.6, "val_accuracy": 0.7}


NOW = [0.0]


def train(stream, epochs=2, verbose=1, logs=VALIDATED):
    shown = Progress(epochs, 1000, verbose, stream)
    for epoch in range(epochs):
        shown.start_epoch()
        for rows in (250, 500, 750, 1000):
            NOW[0] += 1.0
            shown.advance(epoch, rows, lambda: dict(LOGS))
        NOW[0] += 1.0
        shown.end_epoch(epoch, logs)
    shown.close()
    return stream


def test_a_bar_shows_numbers_rate_and_time_left(clock):
    lines = train(Terminal(120)).lines()
    assert len(lines) == 10
    assert lines[0].startswith("epoch 1/2 ━━━╌")
    assert "loss 0.5123  accuracy 0.7500" in lines[0]
    assert "/s  " in lines[0] and lines[0].endswith(" left")
    assert "lr" not in lines[0]
    assert "val_accuracy 0.7000" in lines[4]  # and in the next epoch too, until there is another
    assert "val_accuracy 0.7000" in lines[6]
    bars = [line.count("━") for line in lines]
    assert bars == sorted(bars) and bars[-1] == lines[-1].count("━") + lines[-1].count("╌")
    assert " in " in lines[-1] and "left" not in lines[-1]


@pytest.mark.parametrize("columns", [4, 20, 30, 45, 60, 79, 80, 90, 100, 110, 120, 200])
def test_a_line_fits_the_terminal(clock, columns):
    lines = train(Terminal(columns), logs=VALIDATED).lines()
    assert max(map(len, lines)) < columns
    if columns >= 80:  # on a common terminal there is room for all that matters
        assert all("╌" in line or "━" in line for line in lines)
        assert all("/s" in line and "accuracy" in line for line in lines)
        assert all("left" in line for line in lines[:-2])


def test_a_metric_that_is_not_known_yet_is_that_of_the_last_epoch(clock):
    stream = Terminal(120)
    shown = Progress(2, 1000, 1, stream)
    for epoch in range(2):
        NOW[0] += 1.0
        shown.advance(epoch, 500, {"loss": 0.25, "accuracy": float("nan")})
        NOW[0] += 1.0
        shown.end_epoch(epoch, {"loss": 0.5, "accuracy": 0.75})
    first, _, third, _ = stream.lines()
    assert "loss 0.2500  " in first and "accuracy" not in first
    assert "loss 0.2500  accuracy 0.7500" in third


def test_the_last_line_is_kept(clock):
    assert train(Terminal()).getvalue().endswith("\n")
    silent = Terminal()
    Progress(3, 10, 1, silent).close()  # nothing was drawn, nothing is ended
    assert silent.getvalue() == ""


def test_a_log_gets_one_plain_line_for_each_epoch():
    for verbose in (1, 2):
        lines = train(io.StringIO(), verbose=verbose).getvalue().splitlines()
        assert len(lines) == 2
        expected = "epoch 1/2  loss 0.5123  accuracy 0.7500  val_loss 0.6000  val_accuracy 0.7000  "
        assert lines[0].startswith(expected)
        assert "\r" not in lines[0] and "\x1b" not in lines[0]


def test_a_log_of_many_epochs_gets_a_handful_of_lines():
    stream = io.StringIO()
    lines = train(stream, epochs=400).getvalue().splitlines()
    told = [int(line.split()[1].partition("/")[0]) for line in lines]
    assert told == [1, *range(40, 401, 40)]
    assert len(train(io.StringIO(), epochs=400, verbose=2).getvalue().splitlines()) == 400


def test_the_last_epoch_is_told_of_wherever_training_ends():
    stream = io.StringIO()
    shown = Progress(400, 1000, 1, stream)
    for epoch in range(57):
        shown.start_epoch()
        shown.end_epoch(epoch, {"loss": 0.5})
    shown.close()
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == [
        "1/400",
        "40/400",
        "57/400",
    ]


def test_a_terminal_that_is_dumb_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in train(Terminal()).getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_silence(stream):
    assert train(stream, verbose=0).getvalue() == ""


def test_auto_prints_a_log_that_stays_short(clock):
    """At gaps that double from 1 s to 10 min, within epochs too, and the last line."""
    NOW[0] = 0.0
    lines = train(io.StringIO(), epochs=600, verbose="auto").getvalue().splitlines()
    seconds = [1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 1623, 2223, 2823, 3000]
    assert [int(line.split()[1].split("/")[0]) for line in lines] == [-(-t // 5) for t in seconds]
    assert lines[0].startswith("epoch 1/600 25%  loss 0.5123  accuracy 0.7500  250/s  39m59s left")
    assert lines[3].startswith("epoch 3/600  loss 0.5123  accuracy 0.7500  val_loss 0.6000")
    assert lines[-1].endswith(" in 50m00s")
    assert not any("\r" in line or "\x1b" in line or "━" in line for line in lines)


@pytest.mark.parametrize(("stream", "verbose"), [(io.StringIO, "auto"), (Terminal, 1)])
def test_the_last_epoch_is_shown_whatever_ends_training(clock, stream, verbose):
    out = stream()
    shown = Progress(100, 1000, verbose, out)
    for epoch in range(3):
        NOW[0] += 0.01
        shown.start_epoch()
        shown.end_epoch(epoch, {"loss": float(epoch)})
    shown.close()
    assert out.getvalue().count("epoch 3/100 ") == 1 and "loss 2.0000" in out.getvalue()
    shown.close()
    assert out.getvalue().count("epoch 3/100 ") == 1


def test_numbers_of_a_log_are_computed_for_its_lines_alone(clock):
    computed = []
    shown = Progress(1, 10_000, "auto", io.StringIO())
    for rows in range(10_000):
        NOW[0] += 0.001
        shown.advance(0, rows, lambda: computed.append(1) or {"loss": 1.0})
    assert len(computed) == 3


def test_auto_draws_on_a_terminal(clock):
    assert "━" in train(Terminal(), verbose="auto").getvalue()


def test_plain_characters_where_the_stream_has_no_others(clock):
    stream = Terminal()
    stream.encoding = "ascii"
    train(stream).getvalue().encode("ascii")
    assert "=-" in stream.getvalue()


def test_drawing_is_rare_and_costs_little(monkeypatch):
    """Numbers that are not shown are not computed, and costly ones are computed less often."""
    now = [0.0]
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    computed = []

    def costly():
        computed.append(now[0])
        now[0] += 0.05  # what it takes to compute
        return {"loss": 1.0}

    shown = Progress(1, 10_000, 1, Terminal())
    shown.start_epoch()
    for rows in range(10_000):
        now[0] += 0.001
        shown.advance(0, rows, costly)
    assert 0.05 * len(computed) <= 0.06 * now[0]
    gaps = [b - a for a, b in itertools.pairwise(computed)]
    assert len(gaps) > 3 and min(gaps) >= progress.EVERY


def test_a_stream_that_breaks_does_not_end_the_training(clock):
    class Broken(Terminal):
        def write(self, text):
            raise BrokenPipeError

    class Closed(Terminal):
        def isatty(self):
            raise ValueError("I/O operation on closed file")

    train(Broken())
    train(Closed(), verbose="auto")


def test_unknown_verbose():
    with pytest.raises(ValueError, match=r"verbose=3: expected 0, 1, 2 or 'auto'"):
        Progress(1, 1, 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.0000"),
        (0.5, "0.5000"),
        (-0.5, "-0.5000"),
        (1e-4, "0.0001"),
        (9e-5, "9.00e-05"),
        (999.5, "999.5000"),
        (1234.5, "1,234.5"),
        (2e6, "2.00e+06"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ([1, 2], "…"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0994, "99ms"),
        (0.0996, "0.1s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (90_000, "25h00m"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0/s"),
        (999, "999/s"),
        (1000, "1.0k/s"),
        (999_949, "999.9k/s"),
        (999_960, "1.0M/s"),
        (2.5e9, "2.5G/s"),
    ],
)
def test_rates(value, text):
    assert rate(value) == text


def test_as_line_leaves_out_what_is_no_number():
    assert as_line({"loss": 0.5, "confusion_matrix": [[1, 2]], "lr": 0.1}) == "loss 0.5000"


# --- notebooks -------------------------------------------------------------------------------------


class Notebook:
    """IPython's display as a kernel has it: what was shown, and what took its place."""

    def __init__(self):
        self.shown, self.updates = [], []

    def __call__(self, bundle, raw, display_id):
        assert raw and display_id
        self.shown.append(bundle)
        return self

    def update(self, bundle, raw):
        assert raw
        self.updates.append(bundle)


@pytest.fixture
def notebook(monkeypatch):
    made = Notebook()
    monkeypatch.setattr(progress, "kernel_display", lambda: made)
    return made


def test_a_notebook_gets_one_table_that_is_drawn_over(notebook, clock):
    train(None, verbose="auto")
    assert len(notebook.shown) == 1 and notebook.updates
    last = notebook.updates[-1]
    assert "epoch 2/2" in last["text/plain"] and "val_accuracy 0.7000" in last["text/plain"]
    html = last["text/html"]
    assert html.count("<polyline") == 2 and 'value="1.0000"' in html
    for word in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert f">{word}</span>" in html
    ElementTree.fromstring(html)  # well-formed


def test_a_notebook_is_silent_if_asked(notebook, clock, capsys):
    train(None, verbose=0)
    assert notebook.shown == [] and capsys.readouterr().err == ""


def test_names_from_a_user_are_text_in_a_notebook(notebook, clock):
    shown = Progress(1, 10, 1, None)
    shown.start_epoch()
    shown.end_epoch(0, {"loss": float("nan"), "<script>": 1.0})
    shown.close()
    (bundle,) = notebook.shown
    assert "<script>" not in bundle["text/html"] and "&lt;script&gt;" in bundle["text/html"]


def test_a_long_run_has_a_short_picture(notebook, clock):
    shown = Progress(5000, 10, 1, None)
    for epoch in range(5000):
        NOW[0] += 0.01
        shown.start_epoch()
        shown.end_epoch(epoch, {"loss": 1.0 / (1 + epoch)})
    assert len(notebook.updates[-1]["text/html"]) < 8000
    assert "4.0,4.0 " in notebook.updates[-1]["text/html"]  # it begins at the top, on the left


def test_no_notebook_here():
    from gdcore.show.progress.notebook import kernel_display

    assert kernel_display() is None
