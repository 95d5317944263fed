"""The figures of the README, measured on this machine: `python -m bench --help`, or `make bench`.

Machines differ by a factor of two from hour to hour, so what counts are ratios within one run: what is compared takes
turns (A B A B …) on the same broker and the same events, each turn gives a ratio, and the median of those is reported.
"""
