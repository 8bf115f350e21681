"""What the probe has to tell the user: one line each, once, through the logger `kolo_probe`.

A logger rather than `warnings`: a filter of the application (`-W error`) can then not turn our trouble into
its exception. Without any logging configuration Python writes the line to standard error, where gunicorn's
user sees it.
"""

from __future__ import annotations

_said: set[str] = set()


def warn(text: str) -> None:
    """Log one warning line. The same text is said once per process, and no failure of logging gets out."""
    if text in _said:
        return
    _said.add(text)
    try:
        import logging

        logging.getLogger("kolo_probe").warning("kolo-probe: %s", text)
    except Exception:  # a handler of the application; it is not ours to fail for it
        return
