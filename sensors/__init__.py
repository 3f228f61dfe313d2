"""What starts things. A sensor names its job and reads rows; the rows are the truth, cursors are not used at all."""

from __future__ import annotations

from sensors.audit import audit_outbox
from sensors.runs import run_queue, unfinished_runs

ALL = [run_queue, unfinished_runs, audit_outbox]
