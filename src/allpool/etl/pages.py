"""Pages for centres: HTML that needs nothing else, with words and numbers in the centre's language."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from allpool.etl.messages import MessageLanguage, load_messages

STYLES = ("page.css", "cards.css")
"""What all pages look like, and tables that become cards on a phone."""


@cache
def page_template(package: str, name: str, language: MessageLanguage) -> Template:
    """Return the template `name` of a package, which says its words and numbers in a language."""
    messages = load_messages()
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: messages.number(value, language)
    environment.filters["words"] = lambda name: messages.label(name, language)
    return environment.get_template(name)


def page_style() -> Markup:
    """Return the style sheets of a page, to stand in it."""
    sheets = [files("allpool").joinpath(name).read_text(encoding="utf-8") for name in STYLES]
    return Markup("\n".join(sheets))  # noqa: S704  # our own
