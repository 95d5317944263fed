"""What stands in the documentation to be run: the fenced blocks of each page, and what the page says of them.

A page says it in a comment before the fence, which no reader sees:
- `<!-- run -->`: it runs as it stands; `<!-- run: TEXT -->`: and prints TEXT;
- `<!-- run, status 1: TEXT -->`: the same, and its exit status is 1;
- `<!-- run, then: CODE -->`: CODE is what its reader would go on with;
- `<!-- file: NAME -->`: a file that commands of the page read; `<!-- check: COMMAND -->`: COMMAND takes it as FILE;
- `<!-- settings -->`: variables that `carbon-stream settings` takes;
- `<!-- answer -->`: what the block before printed has these members, of these types.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
MADE: Final = ("docs/events.md",)
"""Pages whose blocks are made from what other tests hold: the golden examples."""
PAGES: Final = tuple(
    name
    for path in (
        ROOT / "README.md",
        ROOT / "DESIGN.md",
        *sorted(ROOT.glob("docs/*.md")),
        ROOT / "sdk/python/README.md",
        ROOT / "sdk/node/README.md",
    )
    if (name := path.relative_to(ROOT).as_posix()) not in MADE
)
_BLOCK: Final = re.compile(r"(?:^<!-- (.*?) -->\n)?^( *)```(\w*)\n(.*?)^\2```$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"`(curl .+?)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its page and line, its language, and its mark, "" where it has none."""

    page: str
    line: int
    language: str
    text: str
    mark: str

    @property
    def first(self) -> str:
        """Its first line, by which it is known when lines move."""
        return self.text.strip().partition("\n")[0].strip()

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.page}:{self.line}"

    def asks(self, kind: str) -> str | None:
        """What the mark says after `kind`, "" where it says nothing more; None where it is another mark."""
        found = re.fullmatch(rf"{kind}(?:: (.*))?", self.mark)
        return None if found is None else found[1] or ""


def blocks(page: str) -> list[Block]:
    """The page's fenced blocks, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start(4)), found[3], found[4], found[1] or "")
        for found in _BLOCK.finditer(text)
    ]


def inline_calls(page: str) -> list[str]:
    """The calls by curl that stand within the page's sentences and tables."""
    return _INLINE.findall((ROOT / page).read_text(encoding="utf-8"))
