"""What of argv is stored: no secret that can be recognised."""

from __future__ import annotations

import pytest

from kolo_probe._redact import DEFAULT_NAMES, is_secret, names_in_force, redact_argv


def redacted(*argv):
    return redact_argv(argv, DEFAULT_NAMES)


@pytest.mark.parametrize(
    "argv",
    [
        ["--password=hunter2"],
        ["--password", "hunter2"],
        ["--db-password", "hunter2"],
        ["-password", "hunter2"],
        ["--TOKEN", "hunter2"],
        ["--api-key=hunter2"],
        ["--apikey", "hunter2"],
        ["--password", "-hunter2"],
        ["PGPASSWORD=hunter2"],
        ["-DdbPassword=hunter2"],
        ["SECRET_KEY = hunter2"],
        ["Authorization: Bearer hunter2"],
        ["-H", "Cookie: a=hunter2"],
        ["postgres://me:hunter2@host/db"],
        ["redis://:hunter2@host"],
        ["--url=https://me:hunter2@host/x?y"],
        ["https://me:hunt@er2hunter2@host/"],
        ["https://host/?a=1&access_token=hunter2&b=2"],
        ["--next=https://host/?a=1;session=hunter2"],
        ['{"user": "me", "password": "hunter2"}'],
        ["{'nested': {'client_secret': 'hunter2'}}"],
        ["--password=line\nhunter2"],
    ],
)
def test_a_secret_does_not_get_through(argv):
    cleaned = redacted("run.py", *argv, "last")
    assert "hunter2" not in "".join(cleaned)
    assert cleaned[0] == "run.py"
    assert cleaned[-1] == "last"
    assert len(cleaned) == len(argv) + 2


@pytest.mark.parametrize(
    "argv",
    [
        ["runserver", "127.0.0.1:8000"],
        ["--settings=shop.settings", "-v", "2"],
        ["--name", "token"],
        ["https://host/path?page=2"],
        ["git@host:repository.git"],
        ["https://me@host/"],
        ["--password"],
        ["a=b", "x:y", "=", ":", "--=", "?", "", "://:@"],
        ["--key", "value with spaces = and : signs"],
    ],
)
def test_what_is_no_secret_stays_as_it_is(argv):
    assert redacted(*argv) == argv


def test_an_option_that_follows_is_no_value():
    assert redacted("--password", "--verbose", "x") == ["--password", "--verbose", "x"]


def test_names_are_recognised_however_they_are_written():
    assert is_secret("X-Api-Key", ["api_key"])
    assert is_secret("apiKey", DEFAULT_NAMES)
    assert is_secret("HTTP_X_API_KEY", ["api_key"])
    assert not is_secret("monkey", ["api_key"])


def test_names_in_force_are_lower_case_and_unique():
    names = names_in_force(["IBAN", "iban", "tax-number", " ", "Password"], ["Cookie"])
    assert names.count("iban") == 1
    assert names.count("password") == 1
    assert "tax_number" in names
    assert "cookie" not in names
    assert "" not in names


def test_large_arguments_are_cleaned_in_linear_time():
    redacted("https://" + "a:" * 50_000, "?" * 50_000, '"' * 20_000, "a=" * 50_000)
