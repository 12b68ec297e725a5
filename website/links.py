"""Every link and picture within a built site leads somewhere: python -m website.links FOLDER.

MkDocs checks what is written in Markdown; this looks at the pages as they were built, so that what
templates and docstrings made is checked too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif value and (name == "src" or (name == "href" and tag in ("a", "link"))):
                self.links.append(value)


def broken(site: Path) -> Iterator[str]:
    """What leads nowhere, as "page: link".

    Examples
    --------
    >>> folder = Path("site")
    >>> folder.mkdir()
    >>> _ = (folder / "a.html").write_text('<p id="x"><a href="b.html#y"><a href="#x">')
    >>> _ = (folder / "b.html").write_text('<img src="none.png">')
    >>> sorted(broken(folder))
    ['a.html: b.html#y', 'b.html: none.png']
    """
    pages = {p: Page(p.read_text(encoding="utf-8")) for p in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site}: no pages"
    for path, page in pages.items():
        if path.name == "404.html":  # its links are from the root of wherever the site lies
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            known = next((p for p in pages if p.resolve() == target.resolve()), None)
            anchor = unquote(parts.fragment)
            lost = anchor and known is not None and anchor not in pages[known].anchors
            if not target.exists() or lost:
                yield f"{path.relative_to(site)}: {link}"


if __name__ == "__main__":
    found = list(broken(Path(sys.argv[1])))
    print("\n".join(found) or "every link leads somewhere")
    sys.exit(bool(found))
