"""The other tool that has to be compiled: a user of frame evaluation (PEP 523)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from arms import Python


def compile_other_frame_eval(python: Python, folder: Path) -> None:
    """Puts the module other_frame_eval into a folder."""
    ask = "import sysconfig as s; print(s.get_path('include')); print(s.get_config_var('EXT_SUFFIX'))"
    include, suffix = python.run("-c", ask, folder=folder).stdout.split()
    environment = python.environment()
    environment.pop("LD_PRELOAD", None)  # a sanitizer's library is not for the compiler
    source = Path(__file__).with_name("other_frame_eval.c")
    target = folder / f"other_frame_eval{suffix}"
    words = ["g++", "-xc", "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(target)]
    subprocess.run(words, check=True, env=environment)
