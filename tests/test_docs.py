"""Every page of the documentation runs, and prints what it shows. How: docpages.py."""

import contextlib
import importlib.util
import io
import os
import subprocess
import sys

import pytest
from docpages import DOCS, ROOT, agrees, pages, read


def missing(needs):
    return [n for n in needs if importlib.util.find_spec(n) is None]


def run_python(block, page, space):
    """Run a block of a page; errors name the page's own lines."""
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec", dont_inherit=True)
    out = io.StringIO()
    if block.runs:
        with contextlib.redirect_stdout(out):
            exec(code, space)
    return out.getvalue()


def run_shell(block, page, folder):
    """Run a block of commands, the first of which to fail fails the page."""
    done = subprocess.run(
        ["bash", "-c", f'set -e; gdcore() {{ "{sys.executable}" -m gdcore "$@"; }}; {block.text}'],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{page}:{block.line}: {done.stderr}"
    return done.stdout


def run(text, page, folder):
    """Run a page; returns the blocks left out, and what each of them lacked."""
    space, left_out = {"__name__": "__main__"}, []
    for block in read(text).blocks:
        if lacking := missing(block.needs):
            left_out.append((block.line, lacking))
            continue
        if block.language == "python":
            printed = run_python(block, page, space)
        else:
            printed = run_shell(block, page, folder) if block.runs else ""
        assert block.prints is None or agrees(block.prints, printed), (
            f"{page}:{block.line} shows\n{block.prints}\nand prints\n{printed}"
        )
    return left_out


PAGES = [
    pytest.param(
        p,
        id=str(p.relative_to(DOCS)),
        marks=[pytest.mark.slow] if read(p.read_text(encoding="utf-8")).slow else [],
    )
    for p in pages()
]


@pytest.mark.filterwarnings("ignore:compute='bfloat16' is no faster")
# Keras with its torch backend reads a tensor in a way that NumPy 2 has deprecated.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("page", PAGES)
def test_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    if lacking := missing(read(text).needs):
        pytest.skip(f"the page needs {', '.join(lacking)}")
    left_out = run(text, page, tmp_path)
    if left_out and len(left_out) == len(read(text).blocks):
        pytest.skip(f"every block of the page needs what is not there: {left_out}")


@pytest.mark.slow
def test_tutorial_on_mnist(shared_data, tmp_path, monkeypatch):
    """The tutorial's last part with the images that it is about."""
    (tmp_path / "mnist").symlink_to(shared_data("mnist"))
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    mnist = text[text.index("## MNIST") : text.index("## From the shell")]
    assert "above 97 %" in mnist
    blocks = read(mnist).blocks
    assert [b.prints for b in blocks] == [None]
    space = {}
    run_python(read(text).blocks[0], "tutorial.md", space)
    assert run_python(blocks[0], "tutorial.md", space).endswith(
        "60000 images to learn from: above 97 %\n"
    )


# --- the runner itself ---------------------------------------------------------------------------

SHARED = """# Title
```python
a = 1
```
Some words.
```python
import pathlib
pathlib.Path("left.txt").touch()
print(a + 1, 0.123456)
```

```text
2 0.1235
```
<!-- run -->
```sh
ls
```
```text
left.txt
```
"""


def test_blocks_share_names_and_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(SHARED, "page.md", tmp_path) == []


@pytest.mark.parametrize("wrong", ["3 0.1235", "2 0.1242", "2", "2 0.1235 more", "2 x0.1235"])
def test_a_page_that_shows_something_else_fails(wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match="shows"):
        run(SHARED.replace("2 0.1235", wrong), "page.md", tmp_path)


def test_an_error_names_the_line_of_the_page(tmp_path):
    with pytest.raises(ZeroDivisionError) as info:
        run("# T\n\nwords\n\n```python\nx = 1\nx / 0\n```\n", "page.md", tmp_path)
    assert info.traceback[-1].lineno + 1 == 7


def test_a_command_that_fails_fails_the_page(tmp_path):
    with pytest.raises(AssertionError, match=r"page\.md:4"):
        run("# T\n<!-- run -->\n```sh\ngdcore no-such-command\ntrue\n```\n", "page.md", tmp_path)


@pytest.mark.parametrize("remark", ["needs: no_such_library", "not run: takes an hour"])
def test_remarks_leave_a_block_out(remark, tmp_path):
    text = f"# T\n<!-- {remark} -->\n```python\n1 / 0\n```\n```python\nb = 1\n```\n"
    left_out = run(text, "page.md", tmp_path)
    assert left_out == ([(4, ["no_such_library"])] if "needs" in remark else [])
    broken = text.replace("1 / 0", "1 /")
    if "needs" not in remark:
        with pytest.raises(SyntaxError):
            run(broken, "page.md", tmp_path)


def test_what_stands_above_the_title_is_said_of_the_page():
    page = read("<!-- needs: torch, onnx -->\n<!-- slow -->\n# T\n```python\n1\n```\n")
    assert page.needs == ["torch", "onnx"]
    assert page.slow
    assert page.blocks[0].needs == []


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a ... d", "a b c d", True),
        ("a ... d", "a b c", False),
        ("...", "", True),
        ("loss 0.12", "loss 0.1249", True),
        ("loss 0.12", "loss 0.14", False),
        ("1,442 images", "1442 images", True),
        ("1,442 images", "1,442 images", True),
        ("[0.5, 1e-3]", "[0.5, 0.001]", True),
        ("7", "8", False),
        ("<loss=0.1..., ...>", "<loss=0.1307, accuracy=0.9>", True),
        ("loss=0.1...", "loss=0.2307", False),
    ],
)
def test_agreement(shown, printed, same):
    assert agrees(shown, printed) is same
