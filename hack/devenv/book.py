"""A preprocessor of the book: links that lead out of `docs/` lead to the repository on the web.

mdBook gives it the book on stdin and reads it back from stdout:
https://rust-lang.github.io/mdBook/for_developers/preprocessors.html
"""

from __future__ import annotations

import json
import posixpath
import re
import sys
from typing import Any

REPOSITORY = "https://github.com/task-pipelines/task-pipelines/blob/main/"
LINK = re.compile(r"\]\((\.\./[^)\s]*)\)")


def main() -> int:
    if sys.argv[1:2] == ["supports"]:
        return 0
    _, book = json.load(sys.stdin)
    for item in book.get("items", book.get("sections", [])):
        rewrite(item)
    json.dump(book, sys.stdout)
    return 0


def rewrite(item: Any) -> None:
    """Rewrites a chapter and those below it; separators and titles have no text."""
    chapter = item.get("Chapter") if isinstance(item, dict) else None
    if chapter is None:
        return
    chapter["content"] = outside(chapter["content"], posixpath.dirname(chapter["path"] or ""))
    for below in chapter["sub_items"]:
        rewrite(below)


def outside(text: str, folder: str) -> str:
    """A page's text, its links out of `docs/` as addresses; `folder` is the page's, below `docs/`."""

    def address(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", folder, match[1]))
        return match[0] if path.startswith("docs/") else f"]({REPOSITORY}{path})"

    return LINK.sub(address, text)


if __name__ == "__main__":
    sys.exit(main())
