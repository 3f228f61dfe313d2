"""Become another program, one that is told to end when its parent dies.

Run as a script by `process.Server`, between fork and the real program: `launch.py PARENT SIGNAL ARGV…`. It exists
because the code after a fork in a program with threads must not run Python, so `preexec_fn` is out. Standard library
only: it runs with `python -I -S`, which starts in about 15 ms.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Raises SystemExit if the parent died before the wish could be registered."""
    parent, last_signal, *argv = sys.argv[1:]
    # A shell's `&` and nohup leave these ignored, and an ignored signal stays ignored across exec.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(last_signal))
    if os.getppid() != int(parent):
        sys.exit(f"{argv[0]}: the parent {parent} is gone")
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.exit(f"{argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
