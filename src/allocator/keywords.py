"""Keywords of functions that take many: what `**options` may hold is shown, and a misspelt name is refused by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from allocator.errors import nearest

Function = TypeVar("Function", bound=Callable[..., Any])


def keywords(settings: type) -> Callable[[Function], Function]:
    """Give a function with `**options` the keywords and defaults of a dataclass, in its signature and its errors.

    Static checkers read the `Unpack[…]` of the annotation; this is for people: `help`, notebooks and editors show
    the names with their defaults.

    Parameters
    ----------
    settings : type
        The dataclass that the function makes of its `**options`.
    """

    def spelled_out(function: Function) -> Function:
        *own, _ = inspect.signature(function).parameters.values()
        of_settings = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in inspect.signature(settings).parameters.values()
        ]
        signature = inspect.signature(function).replace(parameters=[*own, *of_settings])
        needed = [parameter.name for parameter in of_settings if parameter.default is inspect.Parameter.empty]

        @functools.wraps(function)
        def checked(*args: Any, **given: Any) -> Any:
            for name in given:
                if name not in signature.parameters:
                    raise TypeError(
                        f"{function.__name__}() got an unexpected keyword argument {name!r}"
                        f"{nearest(name, signature.parameters)}"
                    )
            if missing := [name for name in needed if name not in given]:
                raise TypeError(f"{function.__name__}() misses the keyword arguments {', '.join(missing)}")
            return function(*args, **given)

        checked.__signature__ = signature  # type: ignore[attr-defined]  # read by inspect
        return checked  # type: ignore[return-value]  # same signature as `function`

    return spelled_out
