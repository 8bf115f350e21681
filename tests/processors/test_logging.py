"""What is told of a log record, and what is not done to get it: none of the program's code runs."""

from __future__ import annotations

import logging
import time
from collections import UserDict

import pytest
from driving import driven

from kolo_probe.processors.logging import PROCESSORS


@pytest.fixture
def logger():
    """A logger that lets everything through, to nobody."""
    made = logging.Logger("shop.orders", level=1)
    made.addHandler(logging.NullHandler())
    return made


class Loud:
    """Its words are code of the program's."""

    def __repr__(self):
        raise AssertionError("its __repr__ ran")

    __str__ = __format__ = __repr__


class LoudMapping(UserDict):
    def __bool__(self):
        # logging itself asks it once, of an argument that is the only one.
        self.asked = getattr(self, "asked", 0) + 1
        assert self.asked == 1, "its __bool__ ran"
        return True

    def __eq__(self, other):
        raise AssertionError("its __eq__ ran")

    __hash__ = None


def only(spans):
    (span,) = spans
    return span


def test_a_record_is_a_point_in_time_with_kolos_fields_and_its_formatted_message(logger):
    with driven(PROCESSORS) as spans:
        logger.warning("%s of %d", "socks", 3, extra={"order": 7})
    span = only(spans)
    assert (span.kind, span.type, span.end) == ("log", "log_message", None)
    assert span.name == "socks of 3"
    told = span.start
    assert told["message"] == "socks of 3"
    assert (told["msg"], told["args"], told["extra"]) == ("%s of %d", ("socks", 3), {"order": 7})
    assert (told["name"], told["level"], told["levelno"]) == ("shop.orders", "WARNING", 30)
    assert (told["traceback"], told["stack"], told["exception"]) == (None, None, None)
    assert told["pathname"] == __file__
    assert told["function"].startswith("test_a_record")


@pytest.mark.parametrize("level", [1, 10, 15, 20, 30, 40, 50])
def test_any_level_that_the_logger_lets_through(logger, level):
    with driven(PROCESSORS) as spans:
        logger.log(level, "said")
    assert only(spans).start["levelno"] == level


def test_what_the_logger_does_not_let_through_is_no_record(logger):
    logger.setLevel(logging.ERROR)
    with driven(PROCESSORS) as spans:
        logger.info("nothing")
    assert spans == []


def test_one_mapping_as_the_only_argument_is_what_the_names_are_looked_up_in(logger):
    with driven(PROCESSORS) as spans:
        logger.info("%(user)s left", {"user": "ada"})
    assert only(spans).start["message"] == "ada left"


def test_an_exception_with_where_it_came_from(logger):
    def pay():
        raise LookupError("no such card")

    with driven(PROCESSORS) as spans:
        try:
            pay()
        except LookupError as error:
            raised = error
            logger.exception("not paid")
    told = only(spans).start
    assert told["exception"] is raised
    lines = told["traceback"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2] == f'  File "{__file__}", line {pay.__code__.co_firstlineno + 1}, in pay'
    assert lines[-1] == "LookupError: no such card"


def test_a_traceback_is_no_longer_than_fifty_frames(logger):
    def down(depth):
        return 1 / 0 if depth == 0 else down(depth - 1)

    with driven(PROCESSORS) as spans:
        try:
            down(200)
        except ZeroDivisionError:
            logger.exception("deep")
    lines = only(spans).start["traceback"].splitlines()
    assert len(lines) == 53
    assert "(152 frames left out)" in lines[26]


def test_an_exception_speaks_for_itself_only_where_that_is_python_speaking(logger):
    class DeclinedError(Exception):
        def __str__(self):
            raise AssertionError("its __str__ ran")

    with driven(PROCESSORS) as spans:
        for error in (DeclinedError("x"), ValueError(Loud())):
            logger.error("not paid", exc_info=error)
    last = [span.start["traceback"].splitlines()[-1] for span in spans]
    assert last[0].endswith("DeclinedError")
    assert last[1] == "ValueError"


def test_a_stack_that_was_asked_for(logger):
    with driven(PROCESSORS) as spans:
        logger.info("here", stack_info=True)
    assert only(spans).start["stack"].startswith("Stack (most recent call last):")


@pytest.mark.parametrize(
    ("msg", "args"),
    [
        ("%s", (Loud(),)),
        ("%s", ([1, [2, Loud()]],)),
        ("%(a)s", ({"a": {"b": Loud()}},)),
        ("%s", (type("Text", (str,), {})("x"),)),
        (Loud(), ()),
        ("%(a)s", (LoudMapping(a=1),)),
        (ValueError("said by an object"), ()),
    ],
)
def test_what_would_run_the_programs_code_is_not_formatted(logger, msg, args):
    with driven(PROCESSORS) as spans:
        logger.info(msg, *args)
    told = only(spans).start
    assert told["message"] is None
    assert told["msg"] is msg
    assert all(one is given for one, given in zip(told["args"], args))


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("msg", "args"),
    [
        ("%(password)s", ({"password": SECRET},)),
        ("%s", ({"user": {"Session-Id": SECRET}},)),
        ("%s %s", (1, {b"Authorization": SECRET})),
        ("%s", ([("Cookie", SECRET)],)),
        ("%s", (["api_key", SECRET],)),
    ],
)
def test_what_has_a_secret_name_is_left_to_the_encoder_which_knows_names(logger, msg, args):
    with driven(PROCESSORS) as spans:
        logger.info(msg, *args)
        logger.error("failed", exc_info=ValueError(*args))
    formatted, failed = (span.start for span in spans)
    assert formatted["message"] is None
    assert SECRET not in str(spans[0].name)
    assert failed["traceback"].splitlines()[-1] == "ValueError"


@pytest.mark.parametrize(
    ("msg", "args", "message"),
    [
        ("token=%s", (SECRET,), "token=[redacted]"),
        ("%s has the Password: '%s'", ("ada", SECRET), "ada has the Password: '[redacted]'"),
        ("100%% of api_key %r", (SECRET,), "100% of api_key '[redacted]'"),
        ("%*d, secret is %-10s|", (3, 7, SECRET), None),
        ("pin %d, session %d", (1, 4111), None),  # no text fits a %d
        ("new password for %s", ("ada",), "new password for ada"),
        ("%s", ("password",), "password"),
    ],
)
def test_an_argument_that_the_format_names_as_a_secret_is_left_out(logger, msg, args, message):
    with driven(PROCESSORS) as spans:
        logger.info(msg, *args)
    told = only(spans).start
    assert told["message"] == message
    assert SECRET not in str(told)
    assert 4111 not in told["args"]


def test_which_names_are_secret_is_configured(logger):
    config = {"redact.add": ["iban"], "redact.remove": ["session"]}
    with driven(PROCESSORS, config) as spans:
        logger.info("%(session)s", {"session": "open"})
        logger.info("%(iban)s", {"iban": SECRET})
    assert [span.start["message"] for span in spans] == ["open", None]


@pytest.mark.parametrize(
    ("msg", "args"),
    [
        ("%2000000000d", (1,)),
        ("%.2000000000f", (1.0,)),
        ("%*d", (2_000_000_000, 1)),
        ("%(n)02000000000d", ({"n": 1},)),
        ("%s", (10 ** 100_000,)),
        ("%s", ("x" * 1_000_000,)),
        ("%s", (list(range(1_000_000)),)),
    ],
)  # fmt: skip
def test_what_would_take_much_time_or_memory_is_not_formatted(logger, msg, args):
    began = time.process_time()
    with driven(PROCESSORS) as spans:
        logger.info(msg, *args)
    assert only(spans).start["message"] is None
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("msg", "args"), [("%d", ("x",)), ("%s %s", (1,)), ("%(a)s", ({"b": 1},)), ("%", (1,))]
)
def test_a_format_that_does_not_fit_is_left_to_logging(logger, msg, args):
    with driven(PROCESSORS) as spans:
        logger.info(msg, *args)
    told = only(spans).start
    assert (told["message"], told["msg"]) == (None, msg)
    assert only(spans).name == msg


def test_a_record_class_of_the_programs_own_is_only_read(logger):
    class Record(logging.LogRecord):
        def getMessage(self):  # noqa: N802
            raise AssertionError("its getMessage ran")

        def __getattribute__(self, name):
            if name == "msg":
                raise AssertionError("its __getattribute__ ran")
            return super().__getattribute__(name)

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Record)
    try:
        with driven(PROCESSORS) as spans:
            logger.info("fine")
    finally:
        logging.setLogRecordFactory(before)
    assert only(spans).start["message"] == "fine"


def test_the_probes_own_warnings_are_no_part_of_the_program():
    with driven(PROCESSORS) as spans:
        logging.getLogger("kolo_probe").debug("about the probe")
        logging.getLogger("kolo_probe").warning("about the probe")
    assert spans == []


def test_another_modules_log_function_is_not_loggings():
    source = "def _log(record):\n    return record"
    elsewhere = {"__name__": "shop.logging"}
    exec(compile(source, "/srv/shop/logging/__init__.py", "exec"), elsewhere)
    with driven(PROCESSORS) as spans:
        elsewhere["_log"](logging.makeLogRecord({"name": "x"}))
    assert spans == []


def test_a_handler_gets_what_it_would_have_got(logger):
    got = []
    handler = logging.Handler()
    handler.emit = got.append
    logger.addHandler(handler)
    argument = Loud()
    with driven(PROCESSORS):
        logger.info("%s", argument)
    (record,) = got
    assert record.args == (argument,)
    assert record.exc_text is None
    assert not hasattr(record, "message")
