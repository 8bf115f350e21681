"""A Django project with the real probe and a real collector: what its traces say when all is over."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from activation_lines import HOOKS
from test_native_run import command, environment, only_trace, outcome, traces
from test_run import script

pytestmark = pytest.mark.usefixtures("installed")

MANAGE = """
    import sys

    from django.conf import settings

    settings.configure(SECRET_KEY="for tests", DATABASES={})
    if __name__ == "__main__":
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
"""


@pytest.mark.parametrize("way", ["run", "variable"])
def test_a_management_command_is_a_trace_of_its_name(tmp_path, way):
    script(tmp_path, MANAGE, name="manage.py")
    words = ["manage.py", "check", "--no-color"]
    if way == "run":
        done = command("kolo-probe", "run", *words, folder=tmp_path)
    else:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=environment(KOLO_PROBE="1"),
            capture_output=True,
            timeout=120,
        )
    assert outcome(done) == (0, "System check identified no issues (0 silenced).\n", "")
    trace = only_trace(tmp_path)
    assert (trace["kind"], trace["name"], trace["status"]) == ("command", "manage.py check", "complete")
    shown = json.loads(command("kolo-trace", "show", trace["id"], "--json", folder=tmp_path).stdout)
    told = {span["kind"]: span for span in shown["spans"]}
    assert set(told) == {"setup", "command", "checks"}
    assert (told["command"]["name"], told["command"]["data"]["options"]["no_color"]) == ("check", True)


def test_a_name_of_the_users_wins(tmp_path):
    script(tmp_path, MANAGE, name="manage.py")
    command("kolo-probe", "run", "--name", "nightly", "manage.py", "check", folder=tmp_path)
    trace = only_trace(tmp_path)
    assert (trace["kind"], trace["name"]) == ("command", "nightly")


SHOP = """
    import io
    import sys

    import django
    from django.conf import settings

    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        MIDDLEWARE=["kolo_probe.middleware.KoloMiddleware", "django.middleware.common.CommonMiddleware"],
        ROOT_URLCONF="__main__",
        SECRET_KEY="for tests",
        TEMPLATES=[{
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", {
                "page.html": "{% include 'part.html' %}", "part.html": "{{ user.username }}",
            })]},
        }],
    )
    django.setup()

    from django.contrib.auth.models import Group, Permission, User
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection
    from django.db.models.signals import post_save
    from django.http import JsonResponse
    from django.shortcuts import render
    from django.test import Client
    from django.urls import path

    def audit(sender, **more):
        return None

    post_save.connect(audit, sender=User)

    def page(request, number):
        User.objects.create(username="ann", password="hunter2")
        (user,) = User.objects.filter(password="hunter2")
        return render(request, "page.html", {"user": user, "later": User.objects.filter(pk=1)})

    def login(request):
        try:
            list(User.objects.extra(where=["nonsense"]))
        except Exception:
            pass
        return JsonResponse({"token": "hunter2", "user": request.POST["user"]})

    urlpatterns = [path("page/<int:number>/", page, name="page"), path("login/", login)]

    if __name__ == "__main__":
        with connection.schema_editor() as editor:
            for model in (ContentType, Permission, Group, User):
                editor.create_model(model)
        client = Client(headers={"Authorization": "Basic hunter2", "Cookie": "sessionid=hunter2"})
        assert client.get("/page/7/?token=hunter2").content == b"ann"
        assert client.post("/login/", {"user": "ann", "password": "hunter2"}).json()["token"] == "hunter2"
"""


@pytest.fixture(scope="module", params=HOOKS)
def shop(request, tmp_path_factory):
    """What kolo-trace shows of the shop's two requests, by name; and the hook that recorded them."""
    folder = tmp_path_factory.mktemp("shop")
    script(folder, SHOP, name="shop.py")
    (folder / ".kolo").mkdir()
    (folder / ".kolo/config.toml").write_text(f"hook = {json.dumps(request.param)}\nwhen_full = 'wait'\n")
    done = subprocess.run(
        [sys.executable, "shop.py"], cwd=folder, env=environment(), capture_output=True, timeout=120
    )
    assert outcome(done) == (0, "", "")
    shown = {}
    for trace in traces(folder):
        assert (trace["kind"], trace["status"], trace["lost"]) == ("request", "complete", 0)
        text = command("kolo-trace", "show", trace["id"], "--json", folder=folder).stdout.decode()
        shown[trace["name"]] = json.loads(text)
    return {**shown, "hook": request.param}


def spans(trace, kind):
    return [span for span in trace["spans"] if span["kind"] == kind]


def test_a_request_has_its_spans_each_within_its_time(shop):
    trace = shop["200 GET /page/7/"]
    (request,) = spans(trace, "request")
    assert (request["name"], request["type"], request["end_type"]) == (
        "200 GET /page/7/",
        "django_request",
        "django_response",
    )
    assert request["end_data"]["url_pattern"]["view_qualname"] == "__main__.page"
    assert request["end_data"]["content"] == "ann"
    inner = [span for span in trace["spans"] if span is not request]
    assert [(span["kind"], span["name"]) for span in inner] == [
        ("middleware", "django.middleware.common.CommonMiddleware"),
        ("sql", "INSERT auth_user"),
        ("signal", "post_save"),
        ("sql", "SELECT auth_user"),
        ("template", "page.html"),
        ("template", "part.html"),
    ]
    ends = request["start_ns"] + request["duration_ns"]
    for span in inner:
        assert request["start_ns"] <= span["start_ns"]
        assert span["start_ns"] + (span["duration_ns"] or 0) <= ends


def test_spans_belong_to_the_call_that_made_them(shop):
    trace = shop["200 GET /page/7/"]
    view = next(one for one in trace["activations"] if one["qualname"].endswith(".page"))
    for kind in ("sql", "template", "signal"):
        assert {span["activation_id"] for span in spans(trace, kind)} == {view["id"]}


def test_a_querys_rows_come_with_their_columns(shop):
    query = spans(shop["200 GET /page/7/"], "sql")[1]
    ((row,),) = query["end_data"]["query_data"]
    told = dict(zip(query["end_data"]["columns"], row["items"]))
    assert (told["username"], told["password"]) == ("ann", "[redacted]")


def test_an_error_of_the_database(shop):
    (query,) = spans(shop["200 POST /login/"], "sql")
    assert query["outcome"] == "raised"
    exception = query["end_data"]["exception"]
    assert exception is None if shop["hook"] == "profile" else "nonsense" in exception["message"]


def test_what_is_posted(shop):
    (request,) = spans(shop["200 POST /login/"], "request")
    assert request["end_data"]["post_data"]["user"] == ["ann"]


def test_no_secret_is_stored_nor_anything_lazy_evaluated(shop):
    assert "hunter2" not in json.dumps(shop)
    page = spans(shop["200 GET /page/7/"], "template")[0]
    assert page["data"]["context"]["later"] == "Unevaluated queryset for: django.contrib.auth.models.User"
