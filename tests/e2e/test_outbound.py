"""What the probe records of HTTP clients and data stores: a span for each call, and none of the secrets."""

from __future__ import annotations

import textwrap

import pytest

SERVER = """
import http.server, threading

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b'{"visible": "answer", "access_token": "planted-answer"}'
        self.send_response(200)
        self.send_header("Set-Cookie", "session=planted-set-cookie")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}/visible?token=planted-query"
HEADERS = {"Authorization": "Bearer planted-header", "Cookie": "session=planted-cookie"}
"""

# Each sends one POST and leaves the span that the first line names.
CLIENTS = {
    "requests": """
        import requests
        requests.post(URL, data={"password": "planted-form"}, headers=HEADERS, auth=("me", "planted-auth"))
    """,
    "urllib": """
        import urllib.request
        urllib.request.urlopen(urllib.request.Request(URL, b"password=planted-form", HEADERS)).read()
    """,
    "urllib3": """
        import urllib3
        urllib3.PoolManager().request("POST", URL, body='{"password": "planted-json"}', headers=HEADERS)
    """,
    "httpx": """
        import httpx
        httpx.post(URL, json={"password": "planted-json"}, headers=HEADERS)
    """,
    "aiohttp": """
        import asyncio, aiohttp
        async def main():
            async with aiohttp.ClientSession(headers=HEADERS) as session:
                async with session.post(URL, json={"password": "planted-json"}) as response:
                    await response.read()
        asyncio.run(main())
    """,
}

STORES = """
import asyncio, sqlite3
import fakeredis

client = fakeredis.FakeRedis()
client.set("session:planted-key", "planted-value")
client.hset("user:1", mapping={"visible": 1, "password": "planted-field"})
client.hgetall("user:1")

async def main():
    await fakeredis.FakeAsyncRedis().get("visible")
asyncio.run(main())

connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE users (name TEXT, password TEXT)")
connection.execute("INSERT INTO users VALUES (?, ?)", ("visible", 1))
connection.execute("UPDATE users SET password = ? WHERE name = 'visible'", ("planted-parameter",))
connection.execute("UPDATE users SET password = 'planted-literal'")
"""


@pytest.fixture
def recorded(project):
    """The spans of a script that does all of this, and the bytes of the database."""
    # Only what processors tell is looked at: the program's own variables are another test's subject.
    project.configure("values = false\nspans = { sqlite3 = true }\n")
    script = SERVER + "".join(textwrap.dedent(text) for text in CLIENTS.values()) + STORES
    (project.folder / "script.py").write_text(script)
    done = project.run("kolo-probe", "run", "script.py")
    assert done.returncode == 0, done.stderr
    assert "processor failed" not in done.stderr
    project.wait_for_no_collector()
    (trace,) = project.traces()
    return project.show(trace["id"])["spans"], project.database.read_bytes()


def test_each_call_is_one_span_and_no_secret_is_stored(recorded):
    spans, stored = recorded
    for library in CLIENTS:
        (span,) = [span for span in spans if span["kind"] == "http" and span["subtype"] == library]
        assert span["name"].startswith("200 POST http://127.0.0.1:"), library
        assert span["duration_ns"] > 0, library
        assert "visible" in str(span), library
    assert [span["name"] for span in spans if span["kind"] == "redis"] == [
        "SET session",
        "HSET user:1",
        "HGETALL user:1",
        "GET visible",
    ]
    assert [span["name"] for span in spans if span["kind"] == "sql"] == [
        "CREATE users",
        "INSERT users",
        "UPDATE users",
        "UPDATE users",
    ]
    assert "planted" not in str(spans)
    assert b"planted" not in stored
