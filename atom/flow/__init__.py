"""The way of a package and of a run, one use case a module. HTTP, Dagster and the command line only translate to here."""
