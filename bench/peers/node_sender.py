"""Gives its place to `node_sender.mjs`: a program of Node.js is started like the other peers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    os.execvp("node", ["node", str(Path(__file__).with_name("node_sender.mjs")), sys.argv[1]])
