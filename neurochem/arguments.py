"""What callers may pass: the annotations of a public function, checked when it is called."""

import functools
import inspect
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, overload

import numpy as np
from numpy.typing import ArrayLike

from neurochem.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)

_LONGEST = 60
# annotations of classes that are not loaded until they are used: "Axes | None", "lmfit.Parameters"
_UNLOADED = re.compile(r"(?:\w+\.)*(?P<name>[A-Z]\w*)(?P<none> \| None)?")
_ARRAY_PARTS = frozenset(get_args(ArrayLike)) or frozenset({ArrayLike})


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be: a test, and the words that name it in a message."""

    fits: Callable[[Any], bool]
    words: str


def argument_error(value: Any, name: str, allowed: str, remedy: str = "", *, place: str = "") -> InputError:
    """Return the error of a value that a parameter does not take: name, value, what is allowed, what to do.

    Parameters
    ----------
    value : object
        What was given.
    name : str
        Parameter.
    allowed : str
        What it takes, in words: "a number".
    remedy : str, optional
        A sentence added at the end.
    place : str, optional
        Function, put before the name.

    Returns
    -------
    InputError
        Ready to be raised.
    """
    before = f"{place}: " if place else ""
    return InputError(f"{before}{name} is {shown(value)}; it takes {allowed}.{' ' + remedy if remedy else ''}")


def shown(value: Any) -> str:
    """Return a value as a message shows it: short, arrays by type and shape."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with shape {value.shape}"
    if value is None or isinstance(value, str | bytes | bool | int | float | complex | np.generic | os.PathLike):
        text = repr(str(value) if isinstance(value, os.PathLike) else value)
    elif isinstance(value, list | tuple | set | dict):
        text = f"the {type(value).__name__} {value!r}"
    else:
        return f"of type {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def is_number(value: Any) -> bool:
    """Say whether a value is one real number (NaN and infinities too), not a truth value."""
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, int | float | np.integer | np.floating) or (
        isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf"
    )


def is_whole(value: Any) -> bool:
    """Say whether a value is a whole number and not a truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_numeric_array(value: Any) -> bool:
    """Say whether a value becomes an array of real numbers: no text, no ragged lists, no objects."""
    if value is None or isinstance(value, str | bytes | Mapping | set):
        return False
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and not any(isinstance(item, str | bytes) for item in array.ravel()):
            # None and decimal fractions become floats; whatever does not, raises
            array = array.astype(float)
    except (TypeError, ValueError, OverflowError):
        return False
    return array.dtype.kind in "biuf"


def is_name_array(value: Any) -> bool:
    """Say whether a value becomes a flat array of names, or of names and numbers: levels of a category, ids."""
    if value is None or isinstance(value, str | bytes | Mapping | set) or not hasattr(value, "__len__"):
        return False
    try:
        items = list(value)
    except TypeError:
        return False
    return all(isinstance(item, str | bool | np.bool_) or is_number(item) for item in items)


def is_complex_array(value: Any) -> bool:
    """Say whether a value becomes an array of complex numbers: no text, no ragged lists, no objects."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufc"
    if is_numeric_array(value):
        return True
    if value is None or isinstance(value, str | bytes | Mapping | set):
        return False
    try:
        return np.asarray(value).dtype.kind == "c"
    except (TypeError, ValueError, OverflowError):
        return False


@overload
def checked_arguments(function: Callable[P, R]) -> Callable[P, R]: ...


@overload
def checked_arguments(
    *, text: Collection[str] = ..., names: Collection[str] = ...
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def checked_arguments(
    function: Callable[..., Any] | None = None, *, text: Collection[str] = (), names: Collection[str] = ()
) -> Any:
    """Let a function refuse, with InputError, values that its annotations do not allow.

    Parameters
    ----------
    function : callable
        Its annotations say what every parameter takes; one that is `Any`, or cannot be resolved, is left to the function.
    text : collection of str
        Parameters annotated as array_like that take one name too (array_like on its own is read as numbers).
    names : collection of str
        Parameters annotated as array_like, or as a mapping to array_like, that take arrays of names too: levels, ids.

    Returns
    -------
    callable
        The same function; types alone are checked, ranges are its own matter.
    """
    return _checked(function, text, names) if function is not None else lambda given: _checked(given, text, names)


def _checked(function: Callable[P, R], text: Collection[str], names: Collection[str] = ()) -> Callable[P, R]:
    parameters = inspect.signature(function).parameters
    kinds: dict[str, Kind] = {}
    order: list[str] = []
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            order.append(name)
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        kind = kind_of(_resolved(parameter.annotation, function), text=name in text, names=name in names)
        if kind is not None:
            kinds[name] = kind
    place = function.__qualname__.removesuffix(".__init__")

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in (*zip(order, args, strict=False), *kwargs.items()):
            kind = kinds.get(name)
            if kind is not None and not kind.fits(value):
                raise argument_error(value, name, kind.words, place=place)
        return function(*args, **kwargs)

    return checked


def check_same_length(place: str, **arrays: np.ndarray) -> None:
    """Raise InputError unless all arrays are flat and equally long (single numbers fit any length)."""
    flat = {name: array for name, array in arrays.items() if array.ndim}
    if len({array.shape for array in flat.values()}) > 1 or any(array.ndim > 1 for array in flat.values()):
        listed = " and ".join(f"{name} has shape {array.shape}" for name, array in arrays.items())
        msg = f"{place}: {listed}; give flat arrays of one length"
        raise InputError(msg)


def checked_fields(cls: C) -> C:
    """Let a dataclass refuse, with InputError, fields that its annotations do not allow."""
    initial = vars(cls)["__init__"]
    initial.__qualname__ = f"{cls.__qualname__}.__init__"
    type.__setattr__(cls, "__init__", _checked(initial, ()))
    return cls


def _resolved(annotation: Any, function: Callable[..., Any]) -> Any:
    """Return an annotation as an object; one that needs a package which is not loaded stays text."""
    if not isinstance(annotation, str):
        return Any if annotation is inspect.Parameter.empty else annotation
    try:
        return eval(annotation, function.__globals__)
    except (NameError, AttributeError, TypeError):
        return annotation


def kind_of(annotation: Any, *, text: bool = False, names: bool = False) -> Kind | None:
    """Return what an annotation allows; None where it allows everything."""
    if annotation in (Any, object) or isinstance(annotation, TypeVar):
        return None
    if isinstance(annotation, str):
        return _unloaded(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return _union(set(get_args(annotation)), get_args(annotation), text=text, names=names)
    if annotation is ArrayLike:
        return _NAMED if names else _NUMBERS
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    return _container(annotation, names=names)


def _union(given: set[Any], ordered: Sequence[Any], *, text: bool, names: bool) -> Kind | None:
    array = given >= _ARRAY_PARTS
    # the parts of ArrayLike hold str and bytes, which no array of numbers is made of
    rest = [part for part in ordered if not (array and part in _ARRAY_PARTS)]
    kinds = [kind_of(part, names=names) for part in rest]
    kinds += [_NAMED if names else _NUMBERS] * array + [_SIMPLE[str]] * (array and text)
    if any(kind is None for kind in kinds):
        return None
    known = sorted((kind for kind in kinds if kind is not None), key=lambda kind: kind.words == "None")
    words = list(dict.fromkeys(kind.words for kind in known))
    return Kind(
        lambda value: any(kind.fits(value) for kind in known),
        words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}",
    )


def _unloaded(annotation: str) -> Kind | None:
    """Return a kind by the name of a class alone: no value of a class that is not loaded exists."""
    found = _UNLOADED.fullmatch(annotation)
    if found is None:
        return None
    name, optional = found["name"], found["none"] is not None
    return Kind(
        lambda value: (value is None and optional) or any(base.__name__ == name for base in type(value).__mro__),
        f"{_article(name)} {name}{' or None' if optional else ''}",
    )


def _article(name: str) -> str:
    return "an" if name[0] in "AEIOUaeiou" else "a"


def _container(annotation: Any, *, names: bool) -> Kind | None:
    origin, parts = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Literal:
        return Kind(lambda value: isinstance(value, str) and value in parts, " or ".join(map(repr, parts)))
    if origin is np.ndarray:
        return _COMPLEX if "complex" in str(parts) else _NUMBERS
    if not isinstance(origin, type) or origin is Callable:
        return Kind(callable, "a function") if origin is Callable else None
    if issubclass(origin, Mapping) and (parts or origin in (Mapping, dict)):
        return _mapping(parts, names=names)
    if issubclass(origin, Iterable) and parts:
        return _sequence(parts, once=origin is Iterable)
    made = getattr(origin, "made_by", _MADE_BY.get(origin, ""))
    words = f"{_article(origin.__name__)} {origin.__name__}{f' ({made})' if made else ''}"
    return Kind(lambda value: isinstance(value, origin), words)


def _mapping(parts: Sequence[Any], *, names: bool) -> Kind:
    if not parts:
        return Kind(lambda value: isinstance(value, Mapping), "a mapping")
    key, item = (kind_of(part, names=names) or _ANYTHING for part in parts)
    return Kind(
        lambda value: (
            isinstance(value, Mapping)
            and all(key.fits(name) for name in value)
            and all(item.fits(part) for part in value.values())
        ),
        f"a mapping of {key.words} to {item.words}",
    )


def _sequence(parts: Sequence[Any], *, once: bool) -> Kind:
    """Return a kind for many of one, or, as tuples of fixed length are written, for one of each.

    What is gone through only once may be an iterator, whose items nobody can look at beforehand.
    """
    if len(parts) > 1 and parts[-1] is not Ellipsis:
        each = [kind_of(part) or _ANYTHING for part in parts]
        return Kind(
            lambda value: (
                _listed(value)
                and len(value) == len(each)
                and all(kind.fits(part) for kind, part in zip(each, value, strict=True))
            ),
            f"{len(each)} values ({', '.join(kind.words for kind in each)})",
        )
    one = kind_of(parts[0]) or _ANYTHING
    words = one.words.removeprefix("a ").removeprefix("an ")
    return Kind(
        lambda value: (
            (once and isinstance(value, Iterator))
            or (
                (_listed(value) or (isinstance(value, str) and parts[0] is str))
                and all(one.fits(part) for part in value)
            )
        ),
        f"a sequence of {words}, one each" if " or " in words else f"a sequence of {words}s",
    )


def _listed(value: Any) -> bool:
    """Say whether a value holds several in an order that can be gone through twice."""
    if isinstance(value, str | bytes | Mapping) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return False
    return hasattr(value, "__len__") and hasattr(value, "__iter__")


_MADE_BY: dict[type, str] = {np.random.Generator: "give a numpy Generator, for example np.random.default_rng(1)"}
_ANYTHING = Kind(lambda _: True, "anything")
_NUMBERS = Kind(is_numeric_array, "an array of numbers")
_NAMED = Kind(lambda value: is_numeric_array(value) or is_name_array(value), "an array of numbers or names")
_COMPLEX = Kind(is_complex_array, "an array of complex numbers")
_SIMPLE: dict[Any, Kind] = {
    None: Kind(lambda value: value is None, "None"),
    NoneType: Kind(lambda value: value is None, "None"),
    bool: Kind(lambda value: isinstance(value, bool | np.bool_), "True or False"),
    int: Kind(is_whole, "a whole number"),
    float: Kind(is_number, "a number"),
    str: Kind(lambda value: isinstance(value, str), "a text"),
    os.PathLike: Kind(lambda value: isinstance(value, os.PathLike), "a path"),
}
