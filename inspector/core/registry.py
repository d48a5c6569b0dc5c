"""Named things that a new file can add to: readers today, checks and writers later.

A built-in registers with a decorator; a third party through an entry point, which is imported on first use.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Generic, TypeVar

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One registered thing under its name and a title for people."""

    name: str
    title: str
    value: T


class Registry(Generic[T]):
    """Names to things. `modules` are imported before the first look-up; `group` is the entry-point group."""

    def __init__(self, kind: str, group: str, modules: Iterable[str] = ()) -> None:
        self.kind = kind
        self._group = group
        self._modules = tuple(modules)
        self._entries: dict[str, Entry[T]] = {}
        self._loaded = False

    def register(self, name: str, *, title: str) -> Callable[[T], T]:
        """Decorator that adds a thing; a name taken twice is a bug and raises ValueError."""

        def add(value: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = Entry(name, title, value)
            return value

        return add

    def all(self) -> tuple[Entry[T], ...]:
        """Every built-in entry in the order of `modules`; third parties are loaded by name only."""
        self._load()

        def place(entry: Entry[T]) -> int:
            module = getattr(entry.value, "__module__", None)
            return self._modules.index(module) if module in self._modules else len(self._modules)

        return tuple(sorted(self._entries.values(), key=place))

    def get(self, name: str) -> T:
        """The thing of that name; InspectorError listing the known names where there is none."""
        self._load()
        if name not in self._entries:
            for point in entry_points(group=self._group, name=name):
                point.load()
        if name not in self._entries:
            known = ", ".join(self._entries)
            raise InspectorError(f"There is no {self.kind} named {name!r}", f"Known: {known}")
        return self._entries[name].value

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            for module in self._modules:
                import_module(module)
