"""The git SHA as read from `.git`, against what git itself says; and what only looks like a repository."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from kolo_probe._git import commit_sha

SHA = "0123456789abcdef0123456789abcdef01234567"
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="compares with git")


def git(folder, *words):
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "LC_ALL": "C",
    }
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@x", "-c", "init.defaultBranch=main", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    return root


def check(folder):
    assert commit_sha(str(folder)) == git(folder, "rev-parse", "HEAD")


@needs_git
def test_a_branch_and_a_folder_below(repository):
    (repository / "a/b").mkdir(parents=True)
    check(repository)
    check(repository / "a/b")


@needs_git
def test_detached_head(repository):
    git(repository, "checkout", "-q", "--detach")
    check(repository)


@needs_git
def test_packed_references_and_a_loose_one_over_them(repository):
    git(repository, "branch", "feature/with-slash")
    git(repository, "tag", "-a", "v1", "-m", "annotated tags add ^ lines")
    git(repository, "pack-refs", "--all")
    assert not (repository / ".git/refs/heads/main").exists()
    check(repository)
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    check(repository)
    git(repository, "checkout", "-q", "feature/with-slash")
    check(repository)


@needs_git
def test_a_worktree_has_a_head_of_its_own(repository, tmp_path):
    git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    git(tmp_path / "tree", "commit", "-q", "--allow-empty", "-m", "in the worktree")
    check(tmp_path / "tree")
    check(repository)
    git(repository, "pack-refs", "--all")
    check(tmp_path / "tree")


@needs_git
def test_a_submodules_git_file(repository, tmp_path):
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "inner")
    check(outer / "inner")


@needs_git
def test_a_symbolic_reference_to_a_symbolic_reference(repository):
    git(repository, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
    git(repository, "symbolic-ref", "HEAD", "refs/heads/alias")
    check(repository)


@needs_git
def test_before_the_first_commit_there_is_none(tmp_path):
    git(tmp_path, "init", "-q")
    assert commit_sha(str(tmp_path)) is None


def test_outside_a_repository_there_is_none(tmp_path):
    assert commit_sha(str(tmp_path)) is None


def fake(tmp_path, head, **files):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_bytes(head)
    for name, content in files.items():
        path = tmp_path / ".git" / name.replace("__", "/").replace("_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return commit_sha(str(tmp_path))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n",
        b"ref:",
        b"ref: ",
        b"ref: refs/heads/missing",
        b"ref: ../../etc/passwd",
        b"ref: refs/../../../outside",
        b"ref: /etc/hostname",
        b"ref: refs/heads/.invalid",
        b"ref: refs/heads/\0",
        SHA[:39].encode(),
        b"z" * 40,
        b"\xff\xfe" * 50,
        b"ref: refs/heads/" + b"x" * 100_000,
        os.urandom(4096),
    ],
)
def test_garbage_in_head_is_no_commit_and_no_error(tmp_path, head):
    assert fake(tmp_path, head) is None


def test_a_reference_that_leads_to_itself_ends(tmp_path):
    assert fake(tmp_path, b"ref: refs/heads/a", refs__heads__a=b"ref: refs/heads/a\n") is None


def test_a_reference_with_garbage_in_it_is_no_commit(tmp_path):
    assert fake(tmp_path, b"ref: refs/heads/a", refs__heads__a=b"\xff\0garbage\n") is None


def test_sha_256_repositories(tmp_path):
    assert fake(tmp_path, b"a" * 64) == "a" * 64


def test_packed_references_with_garbage_lines(tmp_path):
    packed = (
        b"# pack-refs with: peeled\n\xff\xff\n\n" + SHA.encode() + b" refs/heads/main\n^" + b"b" * 40 + b"\n"
    )
    assert fake(tmp_path, b"ref: refs/heads/main\n", packed_refs=packed) == SHA


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"gitdir:", b"gitdir: /nowhere", b"gitdir: \0", b"\xff" * 99]
)
def test_a_git_file_that_leads_nowhere(tmp_path, content):
    (tmp_path / ".git").write_bytes(content)
    assert commit_sha(str(tmp_path)) is None


@needs_git
def test_a_folder_named_git_that_is_no_repository_is_passed_by_as_git_does(repository):
    (repository / "sub/.git").mkdir(parents=True)
    check(repository / "sub")
