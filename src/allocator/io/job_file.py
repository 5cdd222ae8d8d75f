"""A job file that explains itself: every key with what it does and its default, those in use active."""

from __future__ import annotations

import ast
import datetime as dt
import inspect
import itertools
import json
import textwrap
import tomllib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from allocator.config import Job, Section

_WIDTH = 116
_KINDS: tuple[tuple[type, str, str], ...] = (
    (bool, "true or false", "true"), (int, "a whole number", "1"), (float, "a number", "1.0"),
    (dt.date, "a date", "2026-03-02"), (dt.time, "a time of day", "12:00:00"), (str, "text", '"…"'),
)  # fmt: skip


def commented_job(short: str) -> str:
    """Return a job file with every key there is: those of the short one active, the others commented out.

    Parameters
    ----------
    short : str
        A valid job file (TOML); the comment at its head is kept.

    Returns
    -------
    str
        TOML that reads as the same job. Each key has what it does and whether it is required or what its default is;
        texts and defaults are those of `allocator.config`.
    """
    head = "\n".join(line for line in short.split("\n\n", 1)[0].splitlines() if line.startswith("#"))
    about = (
        "# Lines with a sign and a space explain what follows. Keys with a sign and no space are not in use: take the\n"
        "# sign away, and from the head of their [section], to use them."
    )
    return "\n".join([head, about, "", *_section("", Job, tomllib.loads(short), active=True)]).rstrip() + "\n"


def _section(path: str, model: type[Section], values: Mapping[str, Any], *, active: bool) -> Iterator[str]:
    """Yield the lines of a section: first its keys, then the sections in it, as TOML wants it."""
    nested = []
    texts = _texts(model)
    for name, field in model.model_fields.items():
        inner, many = _inner(field.annotation)
        if inner is None:
            yield from _key(name, field, values, text=texts.get(name, ""), active=active)
        else:
            nested.append((name, texts.get(name) or _first_line(inner), inner, many))
    if path:
        yield ""
    for name, text, inner, many in nested:
        yield from _nested(f"{path}.{name}" if path else name, text, inner, values.get(name), many=many)


def _texts(model: type[Section]) -> dict[str, str]:
    """Return what stands under each key of a section, by the source: Pydantic reads it at import, for 0.13 s."""
    texts: dict[str, str] = {}
    for part in reversed(model.__mro__[: model.__mro__.index(Section)]):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
        assert isinstance(tree, ast.ClassDef)
        for key, text in itertools.pairwise(tree.body):
            match key, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    texts[name] = inspect.cleandoc(words)
    return texts


def _nested(path: str, text: str, inner: type[Section], given: Any, *, many: bool) -> Iterator[str]:
    told = _told(text)
    entries = given if isinstance(given, list) else [{} if given is None else given]
    for entry in entries or [{}]:
        active = bool(given) if many else given is not None
        yield from told
        yield f"{'' if active else '#'}{f'[[{path}]]' if many else f'[{path}]'}"
        yield from _section(path, inner, entry, active=active)
        told = []


def _first_line(model: type[Section]) -> str:
    """Return what the docstring of a section says after its name: "`[job]`: what is planned."."""
    text = (model.__doc__ or "").strip().split("\n\n")[0]
    said = text.partition(": ")[2] or text
    return said[:1].upper() + said[1:]


def _key(name: str, field: FieldInfo, values: Mapping[str, Any], *, text: str, active: bool) -> Iterator[str]:
    if field.is_required():
        default = "Required"
    elif field.get_default(call_default_factory=True) is None:
        default = f"Default: none ({_kind(field.annotation)[0]})"
    else:
        default = f"Default: {_toml(field.get_default(call_default_factory=True))}"
    yield from _told(f"{text.rstrip()} {default}.")
    if active and name in values:
        yield f"{name} = {_toml(values[name])}"
    else:
        known = None if field.is_required() else field.get_default(call_default_factory=True)
        yield f"#{name} = {_kind(field.annotation)[1] if known is None else _toml(known)}"


def _told(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _inner(annotation: Any) -> tuple[type[Section] | None, bool]:
    """Return the section that a key holds, if it holds one, and whether it holds several."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, False
    for part in typing.get_args(annotation):
        found, _ = _inner(part)
        if found is not None:
            return found, typing.get_origin(annotation) is tuple
    return None, False


def _kind(annotation: Any) -> tuple[str, str]:
    """Return what a key takes in words, and an example."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(json.dumps(one) for one in parts), json.dumps(parts[0])
    if origin is tuple:
        words, example = _kind(parts[0])
        return f"a list: {words}", f"[{example}]"
    if origin is dict:
        words, example = _kind(parts[1])
        return f"a table: {words}", f'{{ "…" = {example} }}'
    for part in parts:
        if part is not type(None):
            return _kind(part)
    return next(((words, example) for kind, words, example in _KINDS if annotation is kind), ("text", '"…"'))


def _toml(value: Any) -> str:
    """Return a value as TOML in one line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{json.dumps(str(key), ensure_ascii=False)} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)
