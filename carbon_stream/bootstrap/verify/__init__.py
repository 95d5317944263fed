"""What an operator would check by hand: each check with what was expected, what was seen, and where to look.

`run.verify` makes all checks; `topics`, `gateway`, `mesh`, `flow` and `security` have those of one area each.
"""
