"""Whole programs: sqlglot's parser, and eight of pyperformance's benchmarks, as PyPI has them.

They are recorded (include_frames names them), and run in this process: pyperf's own workers would hide what
is measured.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

from workload import COUNTED, Workload

SQL = """
WITH recent AS (
    SELECT o.id, o.customer_id, SUM(l.price * l.quantity) AS total, COUNT(*) AS lines
    FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
    WHERE o.placed_at >= DATE '2026-01-01' AND o.status IN ('paid', 'sent') AND l.price BETWEEN 1 AND 100
    GROUP BY o.id, o.customer_id HAVING SUM(l.price * l.quantity) > 100
)
SELECT c.name, CASE WHEN r.total > 1000 THEN 'large' ELSE 'small' END AS size,
       ROW_NUMBER() OVER (PARTITION BY c.country ORDER BY r.total DESC) AS place
FROM recent AS r LEFT JOIN customers AS c ON c.id = r.customer_id
WHERE NOT EXISTS (SELECT 1 FROM returns AS x WHERE x.order_id = r.id) OR c.name LIKE 'A%'
ORDER BY place, c.name LIMIT 50
"""


def sqlglot_parser() -> Callable[[], object]:
    import sqlglot

    return partial(sqlglot.parse_one, SQL)


def pyperformance(name: str) -> ModuleType:
    """One of pyperformance's scripts, as a module."""
    found = importlib.util.find_spec("pyperformance")
    if found is None or found.origin is None:
        raise ImportError("pyperformance is not installed")
    script = Path(found.origin).parent / "data-files" / "benchmarks" / f"bm_{name}" / "run_benchmark.py"
    spec = importlib.util.spec_from_file_location(f"bm_{name}", script)
    if spec is None or spec.loader is None:
        raise ImportError(f"{script} is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def logging_simple() -> Callable[[], object]:
    stream = io.StringIO()
    logger = logging.getLogger("benchlogger")
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(stream))
    logger.setLevel(logging.WARNING)
    module = pyperformance("logging")
    return lambda: module.bench_simple_output(100, logger, stream)


# What each script's main block hands to pyperf, in a size that takes some milliseconds.
PYPERFORMANCE: dict[str, Callable[[], Callable[[], object]]] = {
    "deltablue": lambda: partial(pyperformance("deltablue").delta_blue, 50),
    "float": lambda: partial(pyperformance("float").benchmark, 2000),
    "hexiom": lambda: partial(pyperformance("hexiom").main, 1, 25),
    "raytrace": lambda: partial(pyperformance("raytrace").bench_raytrace, 1, 20, 20, None),
    "nqueens": lambda: partial(pyperformance("nqueens").bench_n_queens, 6),
    "coroutines": lambda: partial(pyperformance("coroutines").bench_coroutines, 1),
    "deepcopy": lambda: partial(pyperformance("deepcopy").benchmark, 20),
    "logging": logging_simple,
}


# What these two do, they do in the standard library.
FILTERED = ("deepcopy", "logging")


def workloads() -> list[Workload]:
    return [
        Workload("sqlglot's parser", sqlglot_parser()),
        *(
            Workload(f"pyperformance {name}", make(), filtered=COUNTED if name in FILTERED else None)
            for name, make in PYPERFORMANCE.items()
        ),
    ]
