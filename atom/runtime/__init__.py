"""How a package runs: `engine.execute` carries it out with `actions` on a `cluster`."""
