"""What all tests share: an instruction set for whole models, and the data beside the project."""

import os
import signal
import sys
from pathlib import Path

import pytest
import wanting
from harness import ISAS

from gdcore import runtime

# A shell ignores Ctrl-C for what it runs in the background, and children inherit that: the tests that
# send one would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser, pluginmanager):
    pluginmanager.register(wanting, "wanting")


def pytest_collection_modifyitems(items):
    if "libasan" in os.environ.get("LD_PRELOAD", ""):
        skip = pytest.mark.skip(reason="AddressSanitizer reserves memory of its own")
        for item in items:
            if item.get_closest_marker("bounds_memory"):
                item.add_marker(skip)


@pytest.fixture(params=ISAS)
def isa(request, monkeypatch):
    """The test runs once on each instruction set that this machine has, whole models included."""
    monkeypatch.setattr(runtime, "ISA", runtime.isa_number(request.param))
    monkeypatch.setattr(runtime, "ISA_NAME", request.param)
    return request.param


@pytest.fixture(autouse=True)
def _same_threads_after():
    """A test that sets the number of threads does not set it for the next one."""
    before = runtime._threads
    yield
    runtime._threads = before


@pytest.fixture(autouse=True)
def _windows_are_closed():
    """Where something has imported pyplot, it keeps every figure."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def shared_data():
    """A function from a path below ../shared/data to the file; it skips the test where there is none."""

    def find(name):
        path = Path(__file__).resolve().parents[2] / "shared" / "data" / name
        if not path.exists():
            pytest.skip(f"{path} is not there")
        return path

    return find
