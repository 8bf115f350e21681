"""What is told of a template: its name and what it sees, and nothing of that evaluated."""

from __future__ import annotations

import pytest
from django.template import Context, Template, TemplateDoesNotExist
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.test.utils import setup_test_environment, teardown_test_environment
from django.utils.functional import SimpleLazyObject
from django_project import databases, project
from driving import driven

from kolo_probe.processors.django_templates import PROCESSORS


@pytest.fixture(scope="module", autouse=True)
def settings():
    with project():
        yield


def nested(spans):
    return [span.name for span in spans]


def test_a_page_with_what_it_extends_and_includes():
    with driven(PROCESSORS) as spans:
        assert render_to_string("page.html", {"title": "T"}) == "<html>part 3 T</html>"
    assert nested(spans) == ["page.html", "base.html", "part.html"]
    page, _, part = spans
    assert (page.kind, page.type, page.end_type) == (
        "template",
        "django_template_start",
        "django_template_end",
    )
    assert page.start == {"template": "page.html", "context": {"title": "T"}}
    assert page.end == {"template": "page.html"}
    assert part.start["context"]["price"] == 3


def test_a_rendering_within_another_tells_what_is_new():
    with driven(PROCESSORS) as spans:
        for _ in range(2):
            render_to_string("page.html", {"title": "T", "price": 1})
    page, base, part = (set(span.start["context"]) for span in spans[:3])
    assert page == {"title", "price"}
    assert not page & base
    assert page & part == {"price"}
    assert spans[3].start["context"] == {"title": "T", "price": 1}


def test_what_a_tag_has_set_meanwhile_is_new():
    with driven(PROCESSORS) as spans:
        text = "{% now 'Y' as year %}{% include 'part.html' %}"
        Template(text).render(Context({"price": 1}))
    assert set(spans[1].start["context"]) == {"year"}


def test_an_include_with_a_context_of_its_own_tells_all_of_it():
    with driven(PROCESSORS) as spans:
        Template("{% include 'part.html' with price=3 only %}").render(Context({"title": "T", "price": 1}))
    assert spans[1].start["context"] == {"price": 3}


def test_the_views_variables_come_before_those_of_context_processors():
    request = RequestFactory().get("/")
    with driven(PROCESSORS) as spans:
        render_to_string("part.html", {"price": 5}, request)
    context = spans[0].start["context"]
    assert next(iter(context)) == "price"
    assert context["request"] == "<WSGIRequest: GET '/'>"
    assert {"True", "False", "None"}.isdisjoint(context)


def test_the_test_clients_rendering():
    setup_test_environment()
    try:
        with driven(PROCESSORS) as spans:
            render_to_string("page.html", {"title": "T"})
    finally:
        teardown_test_environment()
    assert nested(spans) == ["page.html", "base.html", "part.html"]
    assert spans[0].start["context"]["title"] == "T"


def test_a_template_without_a_name():
    with driven(PROCESSORS) as spans:
        Template("{{ a }}").render(Context({"a": 1}))
    assert nested(spans) == ["<unknown source>"]


def test_an_error_in_a_template_ends_all_that_it_leaves():
    with driven(PROCESSORS) as spans, pytest.raises(TemplateDoesNotExist):
        render_to_string("broken.html", {})
    assert [(span.name, span.outcome) for span in spans] == [
        ("broken.html", "raised"),
        ("part.html", "returned"),
    ]
    assert isinstance(spans[0].end["exception"], TemplateDoesNotExist)


def test_nothing_lazy_is_evaluated_and_nothing_called():
    from django.contrib.auth.models import User

    def never():
        raise AssertionError("evaluated")

    with databases():
        context = {"users": User.objects.all(), "lazy": SimpleLazyObject(never), "call": never}
        with driven(PROCESSORS) as spans:
            render_to_string("part.html", context)
        assert context["users"]._result_cache is None
    assert spans[0].start["context"] == {
        "users": "Unevaluated queryset for: django.contrib.auth.models.User",
        "lazy": context["lazy"],
        "call": never,
    }


def test_a_queryset_that_was_evaluated_is_its_rows():
    from django.contrib.auth.models import Group

    with databases():
        Group.objects.create(name="staff")
        groups = Group.objects.all()
        (group,) = groups
        with driven(PROCESSORS) as spans:
            render_to_string("part.html", {"groups": groups})
    assert spans[0].start["context"]["groups"] == [group]


def test_a_context_of_its_own_kind_is_read_without_its_code():
    class Layer:
        def __contains__(self, key):
            return False

        def keys(self):
            raise AssertionError("read")

    context = Context({"a": 1})
    context.dicts.append(Layer())
    with driven(PROCESSORS) as spans:
        Template("x", name="x").render(context)
    assert spans[0].start["context"] == {"a": 1}


def test_the_value_of_a_secret_field_is_not_told_with_its_widget():
    from django import forms
    from django.forms.renderers import DjangoTemplates

    class Login(forms.Form):
        default_renderer = DjangoTemplates()
        user = forms.CharField()
        password = forms.CharField(widget=forms.PasswordInput(render_value=True))
        token = forms.SplitDateTimeField()

    form = Login({"user": "ann", "password": "hunter2", "token_0": "hunter2", "token_1": "hunter2"})
    with driven(PROCESSORS) as spans:
        page = "".join(str(field) for field in form)
    assert 'value="hunter2"' in page
    told = [span.start["context"]["widget"] for span in spans if "widget" in span.start["context"]]
    assert {widget["value"] for widget in told if widget["name"] == "user"} == {"ann"}
    assert {widget["value"] for widget in told if widget["name"] != "user"} == {"[redacted]"}
    assert "hunter2" not in repr(told)
