"""Real servers on one machine: Postgres, OpenBao, SeaweedFS, Milvus Lite and Atom's own processes.

What is configured (`POSTGRES_DSN`, `VAULT_ADDR`, …) is used; what is not is started here, as ordinary child processes
whose whole state lives in one folder. `stack.Stack` is the way in.
"""
