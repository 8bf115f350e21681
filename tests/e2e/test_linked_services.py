"""One user action over three processes is one group of traces, each linked to the one that asked."""

from __future__ import annotations

import re
import sys

from harness.accounting import rows

# A Django service that answers one request, and asks the one behind it first where there is one.
SERVICE = """
import sys
import wsgiref.simple_server

import requests
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="k",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["kolo_probe.middleware.KoloMiddleware"],
)


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


def answer(request, name):
    behind = sys.argv[1] if len(sys.argv) > 1 else None
    return HttpResponse(requests.get(behind).text if behind else "the end")


urlpatterns = [path("<str:name>", answer)]
application = get_wsgi_application()
with wsgiref.simple_server.make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
    print(f"listens at {server.server_port}.", flush=True)
    server.handle_request()
"""

ASKING = """
import sys, urllib.request
assert urllib.request.urlopen(sys.argv[1]).read() == b"the end"
"""


def start(project, *arguments):
    """Starts the service; where it listens."""
    running = project.start([sys.executable, str(project.folder / "service.py"), *arguments])
    found = running.wait_for("it listens", lambda: re.search(r"listens at (\d+)\.", running.output()))
    return running, f"http://127.0.0.1:{found[1]}"


def test_a_script_and_two_services_are_one_linked_group(project):
    (project.folder / "service.py").write_text(SERVICE)
    (project.folder / "ask.py").write_text(ASKING)
    last, its_url = start(project)
    before, url = start(project, f"{its_url}/behind")
    done = project.run("kolo-probe", "run", "ask.py", f"{url}/front")
    assert done.returncode == 0, done.stderr
    assert (before.popen.wait(30), last.popen.wait(30)) == (0, 0)
    project.wait_for_no_collector()
    traces = {
        re.split(r"[ /]", trace["name"])[-1]: trace for trace in rows(project.database, "SELECT * FROM trace")
    }
    script, front, behind = traces["ask.py"], traces["front"], traces["behind"]
    assert (script["parent_id"], front["parent_id"], behind["parent_id"]) == (None, script["id"], front["id"])
    assert len({script["group_id"], front["group_id"], behind["group_id"]}) == 1
    assert len({script["process_id"], front["process_id"], behind["process_id"]}) == 3
    (span,) = [span for span in project.show(front["id"])["spans"] if span["kind"] == "http"]
    assert span["name"] == f"200 GET {its_url}/behind"
