"""`python -m kolo_probe run …`: the same as `kolo-probe run …`."""

from __future__ import annotations

import sys

from kolo_probe.cli import main

if __name__ == "__main__":
    sys.exit(main())
