"""Dead letters: what was refused, read back and, once it would be taken, sent again. Served by HTTP and by the CLI."""
