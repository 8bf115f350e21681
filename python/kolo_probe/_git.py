"""The commit that is checked out, read from `.git` without starting git.

Layout as in gitrepository-layout(5): `.git` is a folder, or (worktrees, submodules) a file that names one;
a worktree's folder has its own HEAD and names the folder of the common references in `commondir`.
"""

from __future__ import annotations

import os

_MAX_SMALL_FILE = 4096  # HEAD, a loose reference, commondir: one line each
_MAX_LINKS = 5  # as git: a symbolic reference may point to another one, but not for ever


def commit_sha(start: str) -> str | None:
    """The full SHA of the commit checked out in the repository that holds the folder `start`.

    None outside a repository, before the first commit, and where the repository cannot be read.
    """
    try:
        git_folder = _find_git_folder(start)
        return None if git_folder is None else _resolve_head(git_folder)
    except (OSError, ValueError):  # ValueError: a NUL in a path that .git names
        return None


def _find_git_folder(start: str) -> str | None:
    folder = os.path.abspath(start)
    while True:
        candidate = os.path.join(folder, ".git")
        # git passes by a folder named .git that has no HEAD, and so do we.
        if os.path.isfile(os.path.join(candidate, "HEAD")):
            return candidate
        if os.path.isfile(candidate):
            line = _first_line(candidate)
            if line is None or not line.startswith("gitdir:"):
                return None
            return os.path.normpath(os.path.join(folder, line[len("gitdir:") :].strip()))
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _resolve_head(git_folder: str) -> str | None:
    common = _first_line(os.path.join(git_folder, "commondir"))
    common_folder = git_folder if common is None else os.path.normpath(os.path.join(git_folder, common))
    value = _first_line(os.path.join(git_folder, "HEAD"))
    for _ in range(_MAX_LINKS):
        if value is None:
            return None
        if not value.startswith("ref:"):
            return value.lower() if _is_sha(value) else None
        reference = value[len("ref:") :].strip()
        if not _is_reference(reference):
            return None
        value = (
            _first_line(os.path.join(git_folder, reference))
            or _first_line(os.path.join(common_folder, reference))
            or _packed(common_folder, reference)
        )
    return None


def _packed(common_folder: str, reference: str) -> str | None:
    wanted = reference.encode()
    try:
        with open(os.path.join(common_folder, "packed-refs"), "rb") as lines:
            for line in lines:
                sha, _, name = line.rstrip().partition(b" ")
                if name == wanted:
                    return sha.decode("ascii", "replace")
    except OSError:
        return None
    return None


def _first_line(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            lines = file.read(_MAX_SMALL_FILE).decode("utf-8", "surrogateescape").splitlines()
    except (OSError, ValueError):
        return None
    return lines[0].strip() if lines else None


def _is_sha(text: str) -> bool:
    return len(text) in (40, 64) and all(character in "0123456789abcdefABCDEF" for character in text)


def _is_reference(name: str) -> bool:
    # ".." would lead out of the repository; git forbids it in reference names too.
    return name.startswith("refs/") and ".." not in name
