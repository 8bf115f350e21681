"""Contract 8: recognised secrets stay in the process.

A program plants a secret in every carrier there is, each with the carrier's name in it. No place that
recording reaches may hold one: the arena's memory, the bytes on the socket, the database and its WAL while
they are written and afterwards, the collector's log, and what kolo-trace decodes. A text that is no secret
stands beside them and must be found in each place, so that a search in the wrong place fails.
"""

from __future__ import annotations

import re

import pytest
from harness.processes import wait_until
from harness.tap import Tap

PROGRAM = '''
import argparse, collections, dataclasses, enum, functools, http.cookies, json, os, pathlib, sys, time, types
import email.message
import django
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory

settings.configure(SECRET_KEY="k", ALLOWED_HOSTS=["*"], DEFAULT_CHARSET="utf-8")
django.setup()

def secret(carrier):
    """Its own name keeps its result out."""
    return "planted-" + carrier

def visible(text):
    return "visible-" + text

class Account:
    def __init__(self):
        self.password = secret("attribute")
        self.nested = {"deeper": types.SimpleNamespace(token=secret("attribute-deeper"))}

class Slotted:
    __slots__ = ("authorization", "user")
    def __init__(self):
        self.authorization, self.user = secret("slot"), "me"

@dataclasses.dataclass
class Card:
    holder: str
    card_token: str

class Login(collections.namedtuple("Login", "user password")):
    pass

class Key(enum.Enum):
    API_KEY = "planted-enum"

class Spoken:
    def __init__(self, password):
        self.password = password
    def __repr__(self):
        return f"Spoken(password='{self.password}', url=https://me:{self.password}@h/)"

class Refused(Exception):
    pass

def takes(value):
    return [value]

def signs_in(user, password, *tokens, api_key=None, **session_data):
    cookie = secret("local")
    return user

def closure():
    auth_token = secret("cell")
    def inner():
        return auth_token and visible("cell")
    return inner()

def get_token():
    return secret("result")

def session_keys():
    yield secret("yielded")
    return secret("generator-result")

def refuses(error):
    raise error

def refuses_because():
    try:
        refuses(Refused("cause: postgres://me:" + secret("cause-message") + "@db"))
    except Refused as e:
        raise Refused("password='" + secret("message-with-cause") + "'") from e

def refuses_meanwhile():
    try:
        refuses(Refused({"password": secret("context-argument")}))
    except Refused:
        raise Refused("Authorization: Bearer " + secret("message-header"))

def view(request):
    response = HttpResponse("ok")
    response.set_cookie("sessionid", secret("set-cookie"))
    response["X-Auth-Token"] = secret("response-header")
    return response

def values():
    hidden = secret
    yield {"password": hidden("map"), "user": visible("map")}
    yield {"a": {"db_password": hidden("map-deeper")}}
    yield {b"cookie": b"sessionid=" + hidden("map-bytes").encode()}
    yield [(b"authorization", b"Bearer " + hidden("pairs-bytes").encode()), (b"accept", b"*/*")]
    yield [["X-Api-Key", hidden("pairs-lists")]]
    yield (("Set-Cookie", hidden("pairs-tuples")),)
    yield collections.OrderedDict(token=hidden("ordered-dict"))
    yield collections.defaultdict(str, passwd=hidden("default-dict"))
    yield collections.ChainMap({"secret": hidden("chain-map")})
    yield collections.deque([("cookie", hidden("deque"))])
    yield types.MappingProxyType({"api_key": hidden("mapping-proxy")})
    yield types.SimpleNamespace(access_token=hidden("namespace"))
    yield functools.partial(takes, value={"token": hidden("partial-value")}, password=hidden("partial"))
    yield Account()
    yield Slotted()
    yield Card("me", hidden("dataclass"))
    yield Login("me", hidden("namedtuple"))
    yield Key.API_KEY
    yield Spoken(hidden("repr"))
    yield [Spoken(hidden("repr-in-list"))]
    yield os.environ
    yield [visible("argv"), "--api-key", hidden("argv-list"), "--verbose"]
    yield sys.argv
    yield argparse.Namespace(token=hidden("parsed-argv"))
    yield "postgres://me:" + hidden("url") + "@db/shop"
    yield b"redis://:" + hidden("url-bytes").encode() + b"@db/0"
    yield pathlib.PurePosixPath("https://me:" + hidden("path") + "@h")
    yield "https://h/reset?user=me&token=" + hidden("query")
    yield "user=me&password=" + hidden("form")
    yield json.dumps({"user": "me", "password": hidden("json")})
    yield repr({"user": "me", "password": hidden("repr-of-dict")})
    yield "Cookie: sessionid=" + hidden("header-text") + "; theme=dark"
    yield "Authorization: Basic " + hidden("header-text-basic")
    yield "x" * 500 + " http://me:" + hidden("cut-url") * 3 + "@h"
    yield ValueError("https://me:" + hidden("exception-value") + "@h")
    cookies = http.cookies.SimpleCookie()
    cookies["sessionid"] = hidden("simple-cookie")
    yield cookies
    message = email.message.Message()
    message["Authorization"] = hidden("message-header-list")
    yield message
    meta = {
        "HTTP_AUTHORIZATION": "Bearer " + hidden("meta"),
        "HTTP_COOKIE": "sessionid=" + hidden("meta-cookie"),
        "HTTP_X_API_KEY": hidden("meta-key"),
        "HTTP_HOST": visible("host"),
    }
    yield RequestFactory().get("/?token=" + hidden("request-query"), **meta)
    yield RequestFactory().post("/", {"password": hidden("post")}).POST

def everything():
    os.environ["DB_PASSWORD"] = secret("environment")
    signs_in("me", secret("argument"), secret("var-argument"), api_key=secret("keyword-only"),
             session_id=secret("var-keyword"))
    closure()
    get_token()
    list(session_keys())
    for value in values():
        takes(value)
    view(RequestFactory().get("/", HTTP_AUTHORIZATION=secret("request-header")))
    error = Refused("https://me:" + secret("message-url") + "@h")
    error.password = secret("exception-attribute")
    for fails in (functools.partial(refuses, error), refuses_because, refuses_meanwhile):
        try:
            fails()
        except Refused:
            pass

everything()
del os.environ["DB_PASSWORD"]
pathlib.Path("done").touch()
while not os.path.exists("go on"):
    time.sleep(0.01)
'''

CONFIGURATION = """
repr = { types = ["__main__.Spoken"], max_us = 1_000_000 }
limits = { max_event_us = 1_000_000, max_depth = 8, max_items = 1000, max_attributes = 100, \
max_value_bytes = 100_000, max_event_bytes = 30_000 }
"""
ARGV = ["--token", "planted-argv", "--db=postgres://me:planted-argv-url@h/x", "password=planted-argv-pair"]


def found(place, data):
    """Fails when a secret is in `data`, or not even what is no secret."""
    planted = {text.decode() for text in re.findall(rb"planted-[a-z-]+", data)}
    assert planted == set(), f"{place} holds {planted}"
    assert b"visible-" in data, f"{place} does not hold what it should: it was looked for in the wrong place"


@pytest.fixture
def running(project):
    """Starts the program and waits until it has planted all; it goes on when the test says so."""
    script = project.folder / "script.py"
    script.write_text(PROGRAM)

    def start(configuration):
        (project.folder / "pyproject.toml").write_text(f"[tool.kolo]\n{CONFIGURATION}{configuration}")
        from harness.processes import program

        started = project.start([program("kolo-probe"), "run", script.name, *ARGV])
        started.wait_for("all is planted", (project.folder / "done").exists)
        return started

    return start


def test_none_is_in_the_arena_or_on_the_socket(project, running):
    tap = Tap(project.folder / "tap.sock")
    started = running('collector = "require"\nsocket = "tap.sock"\n')
    try:
        wait_until("what is no secret was sent", lambda: b"visible-host" in tap.stream())
        found("the arena", tap.arena())
    finally:
        started.kill()
        tap.close()
    found("the socket's stream", tap.stream())
    assert b"[redacted]" in tap.stream()


def files_of(project):
    """What lies in `.kolo` and beside it, by name; not the program."""
    paths = [path for path in project.folder.rglob("*") if path.is_file() and path.name != "script.py"]
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in paths}


def test_none_is_in_the_store_or_in_a_log(project, running):
    started = running("")
    database = [".kolo/db.sqlite3", ".kolo/db.sqlite3-wal"]

    def stored():
        files = files_of(project)
        return b"visible-host" in b"".join(files.get(name, b"") for name in database)

    wait_until("what is no secret is stored", stored)
    found("the files, while they are written", b"".join(files_of(project).values()))

    (project.folder / "go on").touch()
    assert started.wait() == 0
    (trace,) = project.traces()
    shown = project.run("kolo-trace", "show", trace["id"], "--limit", "0", "--db", str(project.database))
    told = project.run("kolo-trace", "show", trace["id"], "--json", "--db", str(project.database))
    found("kolo-trace show", shown.stdout.encode())
    found("kolo-trace show --json", told.stdout.encode())
    assert trace["argv"][1:3] == ["--token", "[redacted]"]
    project.stop_collectors()
    files = files_of(project)
    assert any(name.endswith(".log") for name in files)
    for name, data in files.items():
        assert b"planted-" not in data, name
