"""What is told of signals: which one, from whom, and who received it."""

from __future__ import annotations

import asyncio

import django
import pytest
from django.db.models.signals import post_save, pre_init
from django.dispatch import Signal
from django_project import databases, project
from driving import driven

from kolo_probe.processors.django_signals import PROCESSORS

ordered = Signal()


class Ledger:
    def book(self, **more):
        return "booked"


def notify(sender, **more):
    return "told"


@pytest.fixture(scope="module", autouse=True)
def Group():  # noqa: N802
    """A model."""
    with project(), databases():
        from django.contrib.auth.models import Group

        yield Group


@pytest.fixture
def receivers(Group):  # noqa: N803
    ledger = Ledger()
    connected = [(ordered, notify, None), (ordered, ledger.book, None), (post_save, notify, Group)]
    for signal, receiver, sender in connected:
        signal.connect(receiver, sender=sender)
    yield ledger
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


def test_who_received_a_signal_of_the_program(receivers, Group):  # noqa: N803
    with driven(PROCESSORS) as spans:
        sent = ordered.send(sender=Ledger, number=3)
        ordered.send_robust(sender=None)
    assert [answer for _, answer in sent] == ["told", "booked"]
    assert [(span.kind, span.type, span.name, span.end) for span in spans] == [
        ("signal", "django_signal", "ordered", None)
    ] * 2
    assert spans[0].start == {
        "signal": "ordered",
        "sender": f"{__name__}.Ledger",
        "receivers": [f"{__name__}.notify", f"{__name__}.Ledger.book"],
        "method": "send",
    }
    assert (spans[1].start["sender"], spans[1].start["method"]) == (None, "send_robust")


def test_a_signal_of_djangos(receivers, Group):  # noqa: N803
    with driven(PROCESSORS) as spans:
        Group.objects.create(name="staff")
    (span,) = spans
    assert (span.name, span.start["sender"]) == ("post_save", "django.contrib.auth.models.Group")
    assert span.start["receivers"] == [f"{__name__}.notify"]


def test_what_nobody_receives_is_not_told(receivers, Group):  # noqa: N803
    with driven(PROCESSORS) as spans:
        pre_init.send(sender=Group)
        post_save.send(sender=Ledger)
        assert ordered.has_listeners()
        Group(name="x")
    assert spans == []


@pytest.mark.skipif(django.VERSION < (5, 0), reason="asynchronous receivers came with Django 5.0")
def test_asynchronous_receivers():
    signal = Signal()

    async def receive(sender, **more):
        return "heard"

    signal.connect(receive)
    with driven(PROCESSORS) as spans:
        (answer,) = asyncio.run(signal.asend(sender=None))
    assert answer == (receive, "heard")
    assert (spans[0].start["method"], spans[0].name) == ("asend", None)
    assert spans[0].start["receivers"] == [f"{__name__}.test_asynchronous_receivers.<locals>.receive"]


def test_a_receiver_of_its_own_kind_is_told_by_its_class_and_not_asked():
    asked = []

    class Own:
        def __call__(self, **more):
            return 1

        def __getattr__(self, name):
            asked.append(name)
            raise AttributeError(name)

    signal = Signal()
    signal.connect(Own(), weak=False)
    asked.clear()
    signal.send(sender=None)
    without = asked[:]
    asked.clear()
    with driven(PROCESSORS) as spans:
        signal.send(sender=None)
    assert [span.start["receivers"][0].rpartition(".")[2] for span in spans] == ["Own"]
    assert asked == without


def test_a_signal_is_not_kept_alive():
    import gc
    import weakref

    signal = Signal()
    signal.connect(notify, weak=False)  # else Django keeps it
    with driven(PROCESSORS):
        signal.send(sender=None)
    gone = weakref.ref(signal)
    del signal
    gc.collect()
    assert gone() is None
