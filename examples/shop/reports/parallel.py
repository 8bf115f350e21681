"""Runs functions that read the database at the same time, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from django.db import connection

Section = Callable[[], object]


def run_all(sections: Mapping[str, Section]) -> dict[str, object]:
    """The result of each function under its name; one that raised has its exception's text in its place."""
    results: dict[str, object] = dict.fromkeys(sections)

    def run(name: str, section: Section) -> None:
        try:
            results[name] = section()
        except Exception as error:
            results[name] = f"not available: {error}"
        finally:
            # Django opens a connection for each thread, and only closes those of its own threads.
            connection.close()

    threads = [threading.Thread(target=run, args=item, name=f"report-{item[0]}") for item in sections.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
