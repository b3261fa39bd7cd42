"""One registry for models, baselines, quality rules and every other thing that has a name."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from neurochem.errors import unknown_name

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One registered object and what is known of it."""

    name: str
    item: T
    aliases: tuple[str, ...]
    reference: str
    needs: tuple[str, ...]


class Registry(Generic[T]):
    """Named objects, found without regard to case.

    Parameters
    ----------
    kind : str
        What is registered, for messages: "model", "quality rule".
    package : str, optional
        Dotted name of a package whose modules register themselves when imported; all are imported at the first look-up,
        so that a new entry is one new file.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package
        self._discovered = package is None
        self._entries: dict[str, Entry[T]] = {}
        self._lookup: dict[str, str] = {}

    def add(
        self, item: T, *, name: str, aliases: tuple[str, ...] = (), reference: str = "", needs: tuple[str, ...] = ()
    ) -> T:
        """Register `item`; a name or alias already taken by another entry is an error."""
        for key in (name, *aliases):
            holder = self._lookup.get(key.casefold())
            if holder is not None and holder != name:
                msg = f"{self.kind} name '{key}' is already taken by '{holder}'; choose another name"
                raise ValueError(msg)
            self._lookup[key.casefold()] = name
        self._entries[name] = Entry(name, item, aliases, reference, needs)
        return item

    def register(
        self, *, name: str, aliases: tuple[str, ...] = (), reference: str = "", needs: tuple[str, ...] = ()
    ) -> Callable[[T], T]:
        """Return a decorator that registers what it decorates."""
        return lambda item: self.add(item, name=name, aliases=aliases, reference=reference, needs=needs)

    def __getitem__(self, name: str) -> T:
        """Return the object of that name or alias, or raise UnknownNameError with the nearest one."""
        return self.entry(name).item

    def entry(self, name: str) -> Entry[T]:
        """Return the whole entry of that name or alias."""
        self._discover()
        key = self._lookup.get(str(name).casefold())
        if key is None:
            raise unknown_name(name, self._entries, kind=self.kind)
        return self._entries[key]

    def __contains__(self, name: object) -> bool:
        """Say whether the name or alias is known."""
        self._discover()
        return isinstance(name, str) and name.casefold() in self._lookup

    def __iter__(self) -> Iterator[Entry[T]]:
        """Iterate over the entries in the order of registration."""
        self._discover()
        return iter(tuple(self._entries.values()))

    def __len__(self) -> int:
        """Return the number of entries."""
        self._discover()
        return len(self._entries)

    def names(self) -> list[str]:
        """Return the names, aliases left out."""
        return [entry.name for entry in self]

    def _discover(self) -> None:
        if self._discovered or self._package is None:
            return
        self._discovered = True
        package = importlib.import_module(self._package)
        for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
            importlib.import_module(f"{self._package}.{module}")
