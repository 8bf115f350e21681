"""What the processors of databases share: Kolo's fields for a query, with its parameters as they may be
recorded, those that meet a column with a secret name replaced.

The encoder redacts by the name that a value has; a positional parameter has none but in the query's text, so
that is read here, as far as needed to be on the safe side: of a comparison or an assignment that names a
secret, in whatever order, all parameters are; of a text that cannot be followed, all there are.
"""

from __future__ import annotations

from kolo_probe._redact import REDACTED, is_secret, names_in_force

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from re import Match
    from typing import Any

FORMAT = r"%\((?P<name>[^)]*)\)[a-z]|%[a-z]"  # psycopg, MySQLdb: %s, %(name)s
QMARK = r"\?\d*|[:@$](?P<name>\w+)"  # sqlite3: ?, ?1, :name, @name, $name

_TOKEN = r"""
      (?P<literal>'(?:[^']|'')*') | --[^\n]* | /\*.*?\*/ | ::\w* | %%     # comments, casts
    | (?P<marker>MARKER)
    | "(?P<quoted>(?:[^"]|"")*)" | `(?P<ticked>[^`]*)` | (?P<word>[^\W\d]\w*)
    | (?P<sign>[(),;.])
"""
# What ends a comparison or an assignment and begins another.
_SEPARATORS = frozenset({
    "and", "by", "from", "having", "join", "limit", "offset", "on", "or", "returning", "select", "set",
    "union", "values", "where",
})  # fmt: skip
_MOST_TEXT = 16_384  # characters, some milliseconds; a longer text is not followed
_MOST_KEPT = 512  # queries of a process
_LONGEST_KEPT = 4_096  # characters: those that write many rows are long, and never the same
_MOST_ROWS = 10  # of executemany's parameters


class Query:
    """What a query's text tells. `text` is the query without literals that are secret; `markers` are (name,
    whether it is secret) of each parameter, None where the text cannot be followed; `mentions`: whether any
    secret name occurs."""

    __slots__ = ("markers", "mentions", "text")

    def __init__(self, query: str, names: Sequence[str], marker: str) -> None:
        # As names are compared; "access-key" is none in SQL, but may be quoted.
        plain = query.lower().replace("-", "_").replace(" ", "_")
        self.mentions = any(name in plain for name in names)
        self.text = query
        self.markers: list[tuple[str | None, bool]] | None = None
        if not self.mentions:
            return
        start = query[:_MOST_TEXT]
        found: list[tuple[str | None, bool]] = []
        hidden: list[tuple[int, int]] = []
        for clause in _clauses(start, marker):
            is_hidden = any(is_secret(name, names) for name in clause.names)
            found += [(name, is_hidden) for name in clause.markers]
            hidden += clause.literals if is_hidden else []
        self.markers = found if len(query) <= _MOST_TEXT else None
        self.text = _without(start, hidden) + ("…" if len(query) > _MOST_TEXT else "")


_queries: dict[tuple[tuple[str, ...], str], dict[str, Query]] = {}
_titles: dict[str, str | None] = {}


def read(query: str, names: Sequence[str], marker: str) -> Query:
    """What is known of a query; each text is read once, as programs send the same ones all the time.

    >>> read("UPDATE u SET password = 'hunter2'", ["password"], QMARK).text
    "UPDATE u SET password = '[redacted]'"
    """
    kept = _queries.setdefault((tuple(names), marker), {})
    found = kept.get(query)
    if found is None:
        found = Query(query, names, marker)
        keep(kept, query, found)
    return found


def title(query: Any) -> str | None:
    """What a query is called in lists: what it does, and to which table first: "SELECT auth_user"."""
    if type(query) is not str:
        return None
    found = _titles.get(query, "")
    if found == "":
        found = _title(query[:_MOST_TEXT])
        keep(_titles, query, found)
    return found


def keep(kept: dict[str, Any], query: str, value: object) -> None:
    """Remember what was found out of a query, for few and short ones. Other threads do the same meanwhile:
    what is there now may be gone at the next look."""
    if len(query) > _LONGEST_KEPT:
        return
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    kept[query] = value


def _title(query: str) -> str | None:
    import re

    verb = re.match(r"\W*([A-Za-z]+)", query)
    if verb is None:
        return None
    behind = r"\b(?:FROM|INTO|UPDATE|TABLE(?:\s+IF(?:\s+NOT)?\s+EXISTS)?)\s+[\"`\[]?([^\W\d][\w.$]*)"
    table = re.search(behind, query, re.IGNORECASE)
    return verb[1].upper() + (f" {table[1]}" if table is not None else "")


def build_context(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "names": names_in_force(config["redact.add"], config["redact.remove"]),
        "most": config["spans.max_items"],
    }


def start_fields(
    database: str | None, query: str, parameters: Any, many: bool, marker: str, context: Mapping[str, Any]
) -> dict[str, Any]:
    """Kolo's fields of a query that begins; `parameters` are those of each row when there are `many`."""
    names, most = context["names"], context["most"]
    shown: Any
    if not many:
        shown = shown_parameters(query, parameters, names, marker, most)
    elif type(parameters) in (list, tuple):
        rows = parameters[:_MOST_ROWS]
        shown = [shown_parameters(query, row, names, marker, most) for row in rows]
    else:  # perhaps an iterator, which is the program's
        shown = f"<{type(parameters).__name__}>"
    text = read(query, names, marker).text
    return {"query_template": text, "query_params": shown, "database": database, "many": many}


def end_fields(rows: object) -> dict[str, Any]:
    """Kolo's fields of a query that has run. Its rows are the program's to fetch; `rows` is their number."""
    return {"query_data": None, "row_count": rows if type(rows) is int and rows >= 0 else None}


def title_of(data: Mapping[str, Any]) -> str | None:
    """`span_name` of a query's fields."""
    return title(data.get("query_template"))


def shown_parameters(query: str, parameters: Any, names: Sequence[str], marker: str, most: int) -> Any:
    """`parameters` (list, tuple or dict) with secrets replaced; one more than `most` of a sequence, so that
    the encoder sees that it is cut. Anything else may run code when it is read, and is told by its type.

    >>> shown_parameters("UPDATE u SET password = ? WHERE id = ?", ("hunter2", 7), ["password"], QMARK, 100)
    ['[redacted]', 7]
    """
    return shown(read(query, names, marker), parameters, most)


def shown(known: Query, parameters: Any, most: int) -> Any:
    """The same, of a query that was read."""
    if parameters is None or type(parameters) not in (list, tuple, dict):
        return None if parameters is None else f"<{type(parameters).__name__}>"
    if type(parameters) is dict:
        if not known.mentions:
            return parameters
        if known.markers is None:
            return dict.fromkeys(parameters, REDACTED)
        secret = {name for name, is_hidden in known.markers if is_hidden}
        return {key: REDACTED if key in secret else value for key, value in parameters.items()}
    given = list(parameters[: most + 1])
    if not known.mentions:
        return given
    if known.markers is None or len(known.markers) != len(parameters):
        return [REDACTED] * len(given)
    return [REDACTED if is_hidden else value for value, (_, is_hidden) in zip(given, known.markers)]


def _without(query: str, hidden: list[tuple[int, int]]) -> str:
    pieces, at = [], 0
    for start, end in hidden:
        pieces += [query[at : start + 1], REDACTED]
        at = end - 1  # its quotes stay
    return "".join([*pieces, query[at:]])


class _Clause:
    """A comparison, an assignment, or one value of VALUES with its column's name."""

    __slots__ = ("depth", "literals", "markers", "names")

    def __init__(self, depth: int, names: Sequence[str] = ()) -> None:
        self.depth = depth
        self.names = list(names)
        self.markers: list[str | None] = []
        self.literals: list[tuple[int, int]] = []


def _clauses(query: str, marker: str) -> Iterator[_Clause]:
    depth = 0
    clause = _Clause(depth)
    is_insert = is_between = is_values = False
    cases = 0  # those of CASE are not taken apart: each of their results may be assigned
    columns: list[str] = []
    column = 0
    for token in _tokens(query, marker):
        word, sign = (token["word"] or "").lower(), token["sign"]
        if token["marker"]:
            clause.markers.append(token["name"])
        elif token["literal"] or (token["quoted"] and _is_literal(token)):
            clause.literals.append(token.span())
        elif sign == "(":
            depth += 1
            if is_values and depth == 1:
                yield clause
                column, clause = 0, _Clause(depth, columns[:1] or clause.names)
        elif sign == ")":
            depth -= 1
        elif sign == "." and clause.names:
            clause.names.pop()  # the table's, or an alias
        elif sign in (",", ";") and is_values and depth == 1:
            yield clause
            column += 1
            clause = _Clause(depth, columns[column : column + 1] or clause.names)
        elif sign in (",", ";") and depth <= clause.depth and not is_insert:
            yield clause
            clause = _Clause(depth)
        elif word == "into":
            yield clause
            is_insert, clause = True, _Clause(depth)
        elif word == "values" and is_insert:
            columns, is_insert, is_values = clause.names[1:], False, True
        elif word == "and" and is_between:
            is_between = False
        elif word in ("case", "end"):
            cases = max(0, cases + (1 if word == "case" else -1))
        elif word in _SEPARATORS and not cases and not (is_insert and word == "select"):
            yield clause
            is_insert = is_values = False
            is_result = word == "select" and depth > clause.depth  # of a query in place of a value
            clause = _Clause(depth, clause.names if is_result else ())
        elif word == "between":
            is_between = True
        elif token["quoted"] or token["ticked"] or word:
            clause.names.append(token["quoted"] or token["ticked"] or word)
    yield clause


def _is_literal(quoted: Match[str]) -> bool:
    """Whether "…" may be what MySQL and SQLite take for a literal where no column is called that."""
    query, start = quoted.string, quoted.start()
    return "=" in query[max(0, start - 2) : start] and not query.startswith(".", quoted.end())


def _tokens(query: str, marker: str) -> Iterator[Match[str]]:
    import re  # keeps what it has compiled

    return re.finditer(_TOKEN.replace("MARKER", marker), query, re.VERBOSE | re.DOTALL)
