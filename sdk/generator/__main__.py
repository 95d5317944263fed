"""`python -m sdk.generator` writes every generated file of the producer libraries into the source tree."""

import sys

from sdk.generator import ROOT_FOLDER
from sdk.generator.files import rendered

if __name__ == "__main__":
    for name, text in rendered().items():
        (ROOT_FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{name}\n")
