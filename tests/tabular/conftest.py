"""What the tests of tables share."""

import pytest


@pytest.fixture
def write(tmp_path):
    """Writes a file and gives its path."""

    def function(content, name="t.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return function
