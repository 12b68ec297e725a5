"""Each command runs in a folder of its own."""

import pytest

from gdcore import runtime


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    """Each test in a folder of its own, with the number of threads put back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runtime, "_threads", 1)
