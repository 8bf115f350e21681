"""What is told of redis: each command with its key, each pipeline once, and nothing of keys that are secret.

fakeredis answers at the connection, below the client's own code.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle

import fakeredis
import pytest
import redis
from driving import driven
from redis.backoff import NoBackoff
from redis.retry import Retry

from kolo_probe.processors import redis as ours

ALL = ours.PROCESSORS
HIDDEN = "[redacted]"


@pytest.fixture
def client():
    with fakeredis.FakeRedis(decode_responses=True) as one:
        yield one


def test_a_command_is_one_span(client):
    with driven(ALL) as spans:
        client.set("user:1", "Ann", ex=60)
        assert client.get("user:1") == "Ann"
    stored, read = spans
    assert (stored.kind, stored.type, stored.end_type, stored.subtype) == (
        "redis",
        "redis_command",
        "redis_response",
        "redis",
    )
    assert (stored.name, stored.outcome) == ("SET user:1", "returned")
    assert stored.start == {
        "command": "SET",
        "key": "user:1",
        "arguments": ["user:1", "Ann", "EX", 60],
        "server": stored.start["server"],
    }
    assert stored.start["server"].endswith("/0")
    assert stored.end["result"] is True
    assert (read.name, read.end["result"]) == ("GET user:1", "Ann")


def test_keys_and_values_may_be_bytes():
    with driven(ALL) as spans:
        fakeredis.FakeRedis().set(b"\xff:1", b"\x00")
        fakeredis.FakeRedis().hset("user:1", mapping={"name": "Ann"})
    assert (spans[0].name, spans[0].start["arguments"]) == ("SET <3 bytes>", ["<3 bytes>", "<1 bytes>"])
    assert spans[1].start["arguments"] == ["user:1", "name", "Ann"]


def test_what_is_pickled_is_told_by_its_size():
    with driven(ALL) as spans:
        client = fakeredis.FakeRedis()
        client.set("page", pickle.dumps({"password": "hunter2"}))
        client.get("page")
        client.rpush("list", b"text", b"\xff")
        client.lrange("list", 0, -1)
        client.hset("map", mapping={"text": "t", "binary": b"\x00"})
        client.hgetall("map")
    results = [span.end["result"] for span in spans]
    assert results[1].endswith(" bytes>")
    assert results[3] == ["text", "<1 bytes>"]
    assert results[5] == {"text": "t", "binary": "<1 bytes>"}
    assert "hunter2" not in str(spans)


def test_celerys_transport_is_left_to_the_jobs(client):
    """A frame of its file stands for it: what it sends are messages with arguments in base64."""
    code = compile("def put(client): client.lpush('celery', '{}')", "/site/kombu/transport/redis.py", "exec")
    names = {}
    exec(code, names)
    with driven(ALL) as spans:
        names["put"](client)
    assert spans == []


def test_a_command_without_a_key(client):
    with driven(ALL) as spans:
        client.ping()
        list(client.scan_iter())
    assert [(span.name, span.start["key"]) for span in spans] == [("PING", None), ("SCAN", None)]


def test_an_error_of_the_server_is_told_with_its_exception(client):
    client.set("user:1", "Ann")
    with driven(ALL) as spans, pytest.raises(redis.ResponseError) as raised:
        client.lpush("user:1", 1)
    assert (spans[0].outcome, spans[0].end["exception"]) == ("raised", raised.value)
    assert "result" not in spans[0].end


def test_a_refused_connection_is_told_with_its_exception(refusing):
    port = int(refusing.rpartition(":")[2].strip("/"))
    client = redis.Redis(port=port, password="hunter2", username="me", retry=Retry(NoBackoff(), 0))
    with driven(ALL) as spans, client, pytest.raises(redis.ConnectionError):
        client.get("user:1")
    assert type(spans[0].end["exception"]) is redis.ConnectionError
    assert spans[0].start["server"] == f"localhost:{port}/0"
    assert "hunter2" not in str(spans[0].start)


def test_a_pipeline_is_one_span_when_it_is_sent(client):
    with driven(ALL) as spans:
        pipeline = client.pipeline()
        pipeline.set("a", 1).incr("a").get("a")
        assert spans == []
        assert pipeline.execute() == [True, 2, "2"]
        assert pipeline.execute() == []  # nothing was sent
    (span,) = spans
    assert (span.name, span.start["command"], span.start["count"]) == ("pipeline of 3", "MULTI", 3)
    assert span.start["commands"] == [["SET", "a", 1], ["INCRBY", "a", 1], ["GET", "a"]]
    assert span.end == {"result": [True, 2, "2"]}


def test_what_a_watching_pipeline_asks_at_once_is_a_command(client):
    with driven(ALL) as spans, client.pipeline(transaction=False) as pipeline:
        pipeline.watch("a")
        pipeline.get("a")
        pipeline.multi()
        pipeline.set("a", 1)
        pipeline.execute()
    assert [span.name for span in spans[:3]] == ["WATCH a", "GET a", "pipeline of 1"]


def test_asyncio_clients_and_pipelines():
    async def main():
        async with fakeredis.FakeAsyncRedis(decode_responses=True) as client:
            await client.set("a", 1)
            async with client.pipeline() as pipeline:
                pipeline.get("a")
                assert await pipeline.execute() == ["1"]
            with pytest.raises(redis.ResponseError):
                await client.lpush("a", 1)

    with driven(ALL) as spans:
        asyncio.run(main())
    told = [(span.name, span.outcome, span.end.get("result")) for span in spans]
    assert told == [
        ("SET a", "returned", True),
        ("pipeline of 1", "returned", ["1"]),
        ("LPUSH a", "raised", None),
    ]


def test_no_secret_is_told(client):
    with driven(ALL) as spans:
        client.set("session:hunter2", "hunter2", ex=60)
        client.get("session:hunter2")
        client.set(":1:django.contrib.sessions.cachehunter2", "hunter2")
        client.mset({"a": 1, "api-key": "hunter2"})
        client.mget(["a", "api-key"])
        client.hset("user:1", mapping={"name": "Ann", "password": "hunter2"})
        client.hget("user:1", "password")
        client.hset(b"user:1", b"password", b"hunter2")
        client.pipeline().set("csrf:hunter2", "hunter2").get("csrf:hunter2").execute()
        for command in (["CONFIG SET", "requirepass", "hunter2"], ["AUTH", "me", "hunter2"]):
            with contextlib.suppress(redis.RedisError):  # what a fake knows of them is another matter
                client.execute_command(*command)
    told = str([(span.name, span.start, {**span.end, "exception": None}) for span in spans])
    assert "hunter2" not in told
    assert [span.name for span in spans[:3]] == [
        "SET session",
        "GET session",
        "SET :1:django.contrib.session",
    ]
    assert spans[3].start["arguments"] == ["a", 1, "api-key", HIDDEN]
    assert spans[1].end["result"] == HIDDEN


def test_a_map_is_left_to_the_encoder_which_redacts_by_its_names(client):
    client.hset("user:1", mapping={"password": "hunter2"})
    with driven(ALL) as spans:
        client.hgetall("user:1")
    assert spans[0].end["result"] == {"password": "hunter2"}


def test_long_commands_are_cut(client):
    with driven(ALL) as spans:
        client.rpush("list", *range(1000))
        pipeline = client.pipeline()
        for at in range(1000):
            pipeline.set(f"a{at}", at)
        pipeline.execute()
    assert len(spans[0].start["arguments"]) == 50
    assert (spans[1].start["count"], len(spans[1].start["commands"]), len(spans[1].end["result"])) == (
        1000,
        100,
        100,
    )
