"""How a Dagster run gets a process on one machine: a fork server that has the run's code loaded.

`warm.WarmRunLauncher` is what `dagster.yaml` names; it speaks `protocol` over a Unix socket to `pool`, a process of its
own that forks one `worker` a run. Leave the `run_launcher` stanza out and Dagster's stock launcher does the same job
slower. On Kubernetes neither is used: `K8sRunLauncher` makes one Job a run.

`compute_logs` is the other half of a quick start: capturing a step's output without four helper processes.
"""
