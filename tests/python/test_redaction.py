"""Recognised secrets do not leave the process, whatever carries them (DESIGN.md, contract 8).

The first configuration of a process fixes its list of secret names. So one child process, configured as an
application would be, encodes all cases of this file; each case is a Python expression.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from encoding import LIMITS, Omitted, decode

REDACTED = Omitted("redacted")
SECRET = "hunter2"

CHILD = """
import collections, json, sys, types
from {package} import {module} as _probe
from kolo_probe._redact import names_in_force

settings, limits, cases = json.load(sys.stdin)
_probe.configure({**settings, **limits, "redact": names_in_force(["iban"], ["csrf"])})

class Account:
    def __init__(self, **attributes): self.__dict__.update(attributes)

class Slotted:
    __slots__ = ("user", "api_key")
    def __init__(self): self.user, self.api_key = "me", "hunter2"

class Key(str): pass

Login = collections.namedtuple("Login", "user password")

results = {}
for expression, name in cases:
    results[f"{name}|{expression}"] = _probe.encode_value(eval(expression), name, limits).hex()
json.dump(results, sys.stdout)
"""

SETTINGS = {
    "folder": "/nonexistent",
    "socket": "/nonexistent/collector.sock",
    "collector": "off",
    "collectord_path": None,
    "hook": "auto",
    "include_frames": [],
    "library_folders": [],
    "own_folders": [],
    "ignore_frames": [],
    "when_full": "drop",
    "wait_ms": 0,
    "arena_mb": 8,
    "omit_return_locals": False,
    "values": True,
    "repr_all": False,
    "repr_types": [],
    "repr_max_us": 1000,
    "span_text": 512,
    "span_items": 32,
    "span_bytes": 4096,
    "version": "0",
    "git_sha": None,
    "argv": [],
    "cwd": "/",
    "python": "3",
    "implementation": "CPython",
}

NAMES = [
    "password",
    "db_password",
    "PASSWORD2",
    "user-token",
    "X-Api-Key",
    "HTTP_COOKIE",
    "Session Id",
    "iban",
]
PLAIN_NAMES = ["user", "pass", "tokn", "csrf", "key", "", "x" * 300]

IN_CONTAINERS = [
    ("{'password': 'hunter2', 'user': 'me'}", {"password": REDACTED, "user": "me"}),
    ("{b'X-Api-Key': b'hunter2'}", {b"X-Api-Key": REDACTED}),
    ("{'HTTP_COOKIE': 'hunter2', 'HTTP_HOST': 'h'}", {"HTTP_COOKIE": REDACTED, "HTTP_HOST": "h"}),
    ("{'a': [{'b': {'token': 'hunter2'}}]}", {"a": [{"b": Omitted("depth")}]}),
    ("{'a': [{'token': 'hunter2'}]}", {"a": [{"token": REDACTED}]}),
    ("{'пароль_token': 'hunter2'}", {"пароль_token": REDACTED}),
    ("[('Cookie', 'hunter2'), ('Accept', '*')]", [("tuple", "Cookie", REDACTED), ("tuple", "Accept", "*")]),
    ("[(b'authorization', b'hunter2')]", [("tuple", b"authorization", REDACTED)]),
    ("[['x-token', 'hunter2']]", [["x-token", REDACTED]]),
    ("('token', 'hunter2', 'three')", ("tuple", "token", "hunter2", "three")),
    ("('me', 'token')", ("tuple", "me", "token")),
    ("['run.py', '--token', 'hunter2', 'x']", ["run.py", "--token", REDACTED, "x"]),
    ("('-v', '--db-password', 'hunter2')", ("tuple", "-v", "--db-password", REDACTED)),
    ("['--token=hunter2', 'x', '-', '--']", ["--token=[redacted]", "x", "-", "--"]),
    (
        "collections.OrderedDict(token='hunter2')",
        ("subclass", "collections.OrderedDict", {"token": REDACTED}),
    ),
    ("Login('me', 'hunter2')", ("subclass", "__main__.Login", ("tuple", "me", REDACTED))),
    (
        "Account(secret='hunter2', user='me')",
        ("object", "__main__.Account", {"secret": REDACTED, "user": "me"}),
    ),
    ("Slotted()", ("object", "__main__.Slotted", {"api_key": REDACTED, "user": "me"})),
    (
        "types.SimpleNamespace(passwd={'a': 'hunter2'})",
        ("object", "types.SimpleNamespace", {"passwd": REDACTED}),
    ),
    ("{'http://a:hunter2@b': 1}", {"http://a:[redacted]@b": 1}),
    ("ValueError({'password': 'hunter2'})", ("exception", "ValueError", [{"password": REDACTED}])),
]

IN_TEXT = [
    ("postgres://me:hunter2@host/db", "postgres://me:[redacted]@host/db"),
    ("redis://:hunter2@host:6379/0", "redis://:[redacted]@host:6379/0"),
    (
        "see http://a:hunter2@b and http://c:hunter2@d/",
        "see http://a:[redacted]@b and http://c:[redacted]@d/",
    ),
    ("amqp://me:hunter2@x@host", "amqp://me:[redacted]@host"),
    ("http://localhost:8000/a@b", "http://localhost:8000/a@b"),
    ("http://me@host:80/", "http://me@host:80/"),
    ("https://h/?user=me&token=hunter2&next=/", "https://h/?user=me&token=[redacted]&next=/"),
    ("password=hunter2&user=me", "password=[redacted]&user=me"),
    ("sessionid=hunter2; theme=dark", "sessionid=[redacted]; theme=dark"),
    ('{"user": "me", "password": "hunter2"}', '{"user": "me", "password": "[redacted]"}'),
    ("{'token': 'hunter2', 'n': 1}", "{'token': '[redacted]', 'n': 1}"),
    ("password = 'hunter2 and more' or", "password = '[redacted]' or"),
    ("é postgres://me:hunter2@host", "é postgres://me:[redacted]@host"),
    ("Authorization: Basic hunter2", "Authorization: [redacted]"),
    ("refused X-Api-Key:hunter2, sorry", "refused X-Api-Key:[redacted], sorry"),
    ("Cookie: sessionid=hunter2; theme=dark", "Cookie: [redacted]; theme=dark"),
    ("std::token::hunter2 token://x session:", "std::token::hunter2 token://x session:"),
    ("https:/me:hunter2@host", "https:/me:[redacted]@host"),
    ("a=b, time: 12:30, x == y", "a=b, time: 12:30, x == y"),
]

CARRIERS = [
    ("{!r}", lambda text: text),
    ("{!r}.encode()", lambda text: text.encode()),
    ("bytearray({!r}.encode())", lambda text: ("bytearray", text.encode())),
    ("Key({!r})", lambda text: ("subclass", "__main__.Key", text)),
    ("RuntimeError({!r})", lambda text: ("exception", "RuntimeError", [text])),
    ("{{'dsn': {!r}}}", lambda text: {"dsn": text}),
]

# Cut after 512 characters: what may be the beginning of a password counts as one.
CUT = [
    "'x' * 500 + ' http://me:hunter2hunter2@host'",
    "'x' * 490 + ' http://me:hunter2hunter2@host'",
    "'é' * 490 + ' http://me:hunter2hunter2@host'",
    "b'x' * 490 + b' http://me:hunter2hunter2@host'",
    "'http://me:' + 'hunter2' * 200 + '@host'",
    "'{\"password\": \"' + 'hunter2' * 200 + '\"}'",
    "'password=' + 'hunter2' * 200",
]


def cases():
    yield from (("'hunter2'", name) for name in [*NAMES, *PLAIN_NAMES])
    yield from ((expression, "") for expression, _ in IN_CONTAINERS)
    yield from ((form.format(text), "") for text, _ in IN_TEXT for form, _ in CARRIERS)
    yield from ((expression, "") for expression in CUT)


@pytest.fixture(scope="module", params=["kolo_probe._probe", "kolo_probe.pure.probe"])
def seen(request):
    """`seen(expression, name)`: the bytes that the child made of the expression's value, with the native
    module and with the probe in Python."""
    package, _, module = request.param.rpartition(".")
    child = subprocess.run(
        [sys.executable, "-c", CHILD.replace("{package}", package).replace("{module}", module)],
        input=json.dumps([SETTINGS, LIMITS, list(cases())]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    results = json.loads(child.stdout)
    return lambda expression, name="": bytes.fromhex(results[f"{name}|{expression}"])


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_holds_a_secret_name_is_secret(seen, name):
    assert decode(seen("'hunter2'", name)) == REDACTED


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_other_names_are_not(seen, name):
    assert decode(seen("'hunter2'", name)) == SECRET


@pytest.mark.parametrize(("expression", "wanted"), IN_CONTAINERS)
def test_containers_and_objects_lose_only_what_is_secret(seen, expression, wanted):
    assert decode(seen(expression)) == wanted


@pytest.mark.parametrize(("form", "carried"), CARRIERS, ids=[form for form, _ in CARRIERS])
@pytest.mark.parametrize(("text", "wanted"), IN_TEXT, ids=[text for text, _ in IN_TEXT])
def test_text_loses_its_secrets_whatever_carries_it(seen, form, carried, text, wanted):
    assert decode(seen(form.format(text))) == carried(wanted)


@pytest.mark.parametrize("expression", CUT)
def test_a_cut_text_shows_no_part_of_a_secret(seen, expression):
    data = seen(expression)
    assert decode(data)[0] in ("text", "bytes")
    assert b"hunt" not in data
