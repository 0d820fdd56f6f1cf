"""Write the parts of the documentation that are made from the code: `make docs`.

A page holds blocks between two comments; what stands between them is replaced, the rest of the page is a person's:

    <!-- generated: NAME ARGUMENT -->
    <!-- end of generated -->

`docs.blocks` has the function of every NAME. `tests/tidy/test_docs.py` fails while a block is out of date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.blocks import BLOCKS

ROOT = Path(__file__).parent.parent

_BEGIN = r"(?P<begin><!-- generated: (?P<name>\S+)(?: (?P<argument>(?!-->)[^\n]+?))? -->\n)"
_BLOCK = re.compile(_BEGIN + r".*?(?P<end><!-- end of generated -->)", re.DOTALL)


def pages() -> Iterator[Path]:
    """Every page of the documentation, in a fixed order."""
    yield from (ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))


def renewed(text: str) -> str:
    """A page with its blocks made anew. Raises KeyError for a block that nobody can make."""

    def block(match: re.Match[str]) -> str:
        made = BLOCKS[match["name"]](*([match["argument"]] if match["argument"] else []))
        return f"{match['begin']}\n{made.strip()}\n\n{match['end']}"

    return _BLOCK.sub(block, text)


def main() -> None:
    """Renew every page, and say which have changed."""
    changed = 0
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := renewed(text)) != text:
            page.write_text(new, encoding="utf-8")
            sys.stdout.write(f"wrote {page.relative_to(ROOT)}\n")
            changed += 1
    sys.stdout.write(f"{changed} page{'s' * (changed != 1)} changed\n")


if __name__ == "__main__":
    main()
