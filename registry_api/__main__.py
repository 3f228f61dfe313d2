"""`python -m registry_api`: serves the registry on one address until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import sys

import uvicorn

from atom.errors import AtomError
from atom.settings import Settings
from registry_api.app import create_app
from registry_api.services import Services


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m registry_api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        app = create_app(Services.from_settings(Settings.from_environment()))
    except AtomError as error:
        print(f"{error.title}: {error}\nremedy: {error.remedy}", file=sys.stderr)
        return 2
    uvicorn.run(app, host=arguments.host, port=arguments.port, access_log=False, timeout_graceful_shutdown=5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
