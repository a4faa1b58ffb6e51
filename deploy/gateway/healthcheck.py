"""Succeeds if the gateway at this address says it is ready: ``healthcheck.py URL CA``."""  # noqa: INP001 - a script of the deployment, not a package

from __future__ import annotations

import ssl
import sys
import urllib.request

url, authority = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
try:
    with urllib.request.urlopen(url, timeout=5, context=context) as answer:  # noqa: S310 - ours
        sys.exit(answer.status != 200)  # noqa: PLR2004
except OSError as error:
    sys.exit(f"not ready: {error}")
