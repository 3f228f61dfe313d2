"""How fast, and how large. `python -m benchmarks` prints each figure beside its floor or peer of the same run.

`startup`, `upload` and `runs` each measure one thing on a real stack; nothing here asserts anything about time.
"""
