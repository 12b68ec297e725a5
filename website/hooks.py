"""MkDocs calls this: pages and pictures that are made, not written, join the site before it is built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mkdocs.structure.files import File, Files  # noqa: E402

from website import comparison, pictures, reference  # noqa: E402


def on_files(files: Files, config: Any) -> Files:
    """Add the reference, the comparison page and the pictures."""
    made: dict[str, str | bytes] = {
        **reference.pages(),
        "comparison.md": comparison.page(
            (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
        ),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        **pictures.drawn(),
        "site.css": (ROOT / "website" / "site.css").read_text(encoding="utf-8"),
    }
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_config(config: Any) -> Any:
    """The navigation: written pages in their order, guides by title, the reference by module."""
    guides = sorted(Path(config["docs_dir"]).glob("guides/*.md"))
    config["nav"] = [
        {"Home": "index.md"},
        {"Tutorial": "tutorial.md"},
        {"Guides": reference.listed(guides)},
        {"How it works": "how-it-works.md"},
        {"How it is tested": "how-gdcore-is-tested.md"},
        {"Measured": ["comparison.md", "speed.md"]},
        {"Reference": reference.navigation()},
        {"Changes": "changelog.md"},
    ]
    return config
