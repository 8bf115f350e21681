"""Flask: every request a trace, with its route, its view, its form and its answer.

app = Flask(__name__)
kolo_probe.flask.init_app(app)      # first, so that it sees what all others made of the answer
"""

from __future__ import annotations

from flask import request  # type: ignore[import-not-found, unused-ignore]

from kolo_probe.wsgi import ANSWER, KoloMiddleware

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flask import Flask, Response


def init_app(app: Flask) -> None:
    """Trace the requests of `app`, as kolo_probe.wsgi.KoloMiddleware does; further calls for the same
    application do nothing. With KOLO_DISABLE nothing is traced."""
    if isinstance(app.wsgi_app, KoloMiddleware):
        return
    app.wsgi_app = KoloMiddleware(app.wsgi_app)  # type: ignore[method-assign, unused-ignore]
    app.after_request(_tell)


def _tell(response: Response) -> Response:
    answer = request.environ.get(ANSWER)
    if answer is not None:
        from flask import current_app

        view = current_app.view_functions.get(request.endpoint or "")
        module, name = getattr(view, "__module__", None), getattr(view, "__qualname__", None)
        answer.view = f"{module}.{name}" if module and name else None
        answer.body = response.response if response.is_sequence else None
    return response
