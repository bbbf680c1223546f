"""The checks of arguments that calls share: a module of its own, since every family needs it and it needs none."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from segfeed.errors import OptionError

Words = ParamSpec("Words")
Result = TypeVar("Result")


def whole_number(name: str, value: Any, low: int, high: int) -> int:
    """Check an integer option and return it as an int.

    Raises:
        OptionError: if it is a bool, a float, a text or any other non-integer, or lies outside low .. high.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise OptionError(name, found=repr(value), expected=f"a whole number from {low} to {high}")
    return int(value)


def suggest_options(*more: str, **meant: str) -> Callable[[Callable[Words, Result]], Callable[Words, Result]]:
    """Decorate a call whose options people know by other names: one that it does not have is named with what was meant.

    Args:
        more: options that the call takes beside those in its signature.
        meant: what other tools call an option -> its name here, or what to do instead.

    >>> @suggest_options(crop="crop_size")
    ... def load(crop_size=1): return crop_size
    >>> load(crop=3)
    Traceback (most recent call last):
    ...
    segfeed.errors.OptionError: crop: no option of load; pass crop_size=.
    """

    def decorate(call: Callable[Words, Result]) -> Callable[Words, Result]:
        known = {*inspect.signature(call).parameters, *more}

        @functools.wraps(call)
        def checked(*args: Words.args, **words: Words.kwargs) -> Result:
            for word in words.keys() - known:
                near = meant.get(word) or next(iter(difflib.get_close_matches(word, sorted(known), 1)), "")
                remedy = f"pass {near}=" if near in known else near or f"help({call.__name__}) lists them"
                raise OptionError(word, found=f"no option of {call.__name__}", remedy=remedy)
            return call(*args, **words)

        return checked

    return decorate
