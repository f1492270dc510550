"""Which modules go into a standalone module, in which order, under which names.

The names of the workflow's own module stay: its classes stand in the lowered IR.
So do, next to these, the public ones of the runtime. Any other name stays, too,
unless it is another's by then, or hides one of Python's:

    _text  of pflow_lower.nodes.http    ->  _http_text
    Ended  of pflow_lower.runtime.step  ->  StepEnded
"""

import ast
import builtins
import re
from collections.abc import Iterator
from typing import NamedTuple

from pflow_lower.standalone.scopes import Place, places
from pflow_lower.standalone.unit import Symbol, Unit, find, imported, read_unit

_RUNTIME = "pflow_lower.runtime"

_INTERCHANGEABLE = ("TypeVar", "logging.getLogger")
"""Calls that give the same thing again, or one that is as good."""


class Link(NamedTuple):
    """A place in a unit, and the symbol that is spoken of there.

    `is_through` says that the symbol is asked of its module: `params.string`.
    """

    place: Place
    symbol: Symbol
    is_through: bool = False


class Linked:
    """The units of a standalone module, the last one its root, linked by names."""

    def __init__(self, root: Unit) -> None:
        self.root = root
        self.units = [*_in_order(root), root]
        self.links = {unit.name: list(_links(unit)) for unit in self.units}
        self.twins = dict(_twins(self.units))
        self.names = self._names()

    def name(self, symbol: Symbol) -> str:
        """Give the name that a symbol has."""
        return self.names.get(self.twins.get(symbol, symbol), symbol.name)

    def _names(self) -> dict[Symbol, str]:
        links = [link for found in self.links.values() for link in found]
        through = {link.symbol for link in links if link.is_through}
        # A new name is no word of any unit, so nothing there is called the same.
        words = {
            word for unit in self.units for word in re.findall(r"\w+", unit.source)
        }
        given = dict(self.root.names)
        names = {symbol: name for name, symbol in given.items()}
        for name, symbol in self._others():
            if symbol in names or symbol in self.twins:
                continue
            is_taken = name in given or hasattr(builtins, name) or symbol in through
            chosen = _new_name(name, symbol, words) if is_taken else name
            given[chosen] = symbol
            names[symbol] = chosen
        for symbol in dict.fromkeys(link.symbol for link in links):
            if symbol.module == "builtins" and symbol.name in given:
                names[symbol] = _new_name(symbol.name, symbol, words)
        return names

    def _others(self) -> Iterator[tuple[str, Symbol]]:
        """Give the symbols that are not the root's, those first that should stay."""
        inlined = {unit.name for unit in self.units}
        for name, symbol in read_unit(_RUNTIME).names.items():
            if symbol.module in inlined:
                yield name, symbol
        for unit in self.units:
            for name, symbol in unit.names.items():
                if symbol.name or not symbol.is_own:
                    yield name, symbol


def _in_order(root: Unit) -> list[Unit]:
    """Give the units that a module needs, each after those that it needs itself.

    A unit that is only imported where code runs comes after the others.
    """
    found: dict[str, Unit] = {}

    def add(unit: Unit) -> None:
        if unit.name in found:
            return
        for name in unit.needed:
            add(read_unit(name))
        found[unit.name] = unit

    for name in root.reached:
        add(read_unit(name))
    reached = 0
    while reached < len(found):
        unit = list(found.values())[reached]
        for name in unit.reached:
            add(read_unit(name))
        reached += 1
    return list(found.values())


def _links(unit: Unit) -> Iterator[Link]:
    """Give the places of a unit that speak of a symbol."""
    for place in places(unit.source, unit.tree):
        names = dict(unit.names)
        for node in place.imports:
            names.update(imported(node))
        symbol = names.get(place.name)
        if symbol is None:
            if hasattr(builtins, place.name):
                yield Link(place, Symbol("builtins", place.name))
        elif symbol.name or not symbol.is_own:
            yield Link(place, symbol)
        elif place.attribute is not None:
            symbol = find(Symbol(symbol.module, place.attribute))
            yield Link(place, symbol, is_through=True)
        else:
            raise NotImplementedError(f"{unit.name} uses a module as a value")


def _twins(units: list[Unit]) -> Iterator[tuple[Symbol, Symbol]]:
    """Give each symbol that is defined as one before it is, and that other one."""
    first: dict[str, Symbol] = {}
    for unit in units:
        for node in unit.tree.body:
            match node:
                case ast.Assign([ast.Name(name)], ast.Call(made_by)) if (
                    ast.unparse(made_by) in _INTERCHANGEABLE
                ):
                    symbol = Symbol(unit.name, name)
                    other = first.setdefault(ast.unparse(node), symbol)
                    if other != symbol:
                        yield symbol, other


def _new_name(name: str, symbol: Symbol, words: set[str]) -> str:
    """Give a symbol a name that is no word so far, with that of its module in it."""
    module = symbol.module.rpartition(".")[2]
    bare = name.lstrip("_")
    if bare.isupper() and len(bare) > 1:
        wanted = f"{module.upper()}_{bare}"
    elif bare[:1].isupper():
        wanted = "".join(word.capitalize() for word in module.split("_")) + bare
    else:
        wanted = f"{module}_{bare}"
    wanted = chosen = name[: len(name) - len(bare)] + wanted
    number = 2
    while chosen in words or hasattr(builtins, chosen):
        chosen = f"{wanted}{'_' if wanted.islower() else ''}{number}"
        number += 1
    words.add(chosen)
    return chosen
