"""The command line. Each command is a few lines around one call of the library or of the registry.

`main.py` assembles; `session.py` gives every command the same options; `output.py` is the only place that prints.
"""
