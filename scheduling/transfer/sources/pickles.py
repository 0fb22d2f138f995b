"""What a pickle says, read without obeying it: nothing is imported and nothing is called.

A pickle is a program for a small machine. This one has the same stack and the same memo, but where the real one
would import a name or call it, it writes down which name, and with what.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LARGEST = 1_000_000  # bytes
MARK = object()


class UnreadablePickle(Exception):
    """This is no pickle that can be read without running it."""


@dataclass(frozen=True, slots=True)
class Name:
    """Something that the pickle would import: "datetime.timedelta"."""

    path: str


@dataclass(slots=True, eq=False)
class Made:
    """Something that the pickle would make: by which call, and with which state."""

    by: Any  # a Name, or something Made
    args: tuple[Any, ...]
    state: Any = None

    @property
    def path(self) -> str:
        return self.by.path if isinstance(self.by, Name) else ""


@dataclass(slots=True)
class _Machine:
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def above_mark(self) -> list[Any]:
        """Take all above the latest mark off the stack, and the mark."""
        place = len(self.stack) - 1 - self.stack[::-1].index(MARK)
        taken = self.stack[place + 1 :]
        del self.stack[place:]
        return taken

    def take(self, count: int) -> tuple[Any, ...]:
        taken = tuple(self.stack[len(self.stack) - count :])
        if len(taken) < count:
            raise IndexError
        del self.stack[len(self.stack) - count :]
        return taken


def read(pickle: bytes) -> Any:
    """The value of `pickle`, with a Made in place of each object. Raises UnreadablePickle."""
    if len(pickle) > LARGEST:
        raise UnreadablePickle(f"It has {len(pickle):,} bytes; at most {LARGEST:,} are read.")
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(pickle):
            if opcode.name == "STOP":
                return machine.stack.pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise UnreadablePickle(f"It uses {opcode.name}, which is not read here.")
            step(machine, argument)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise UnreadablePickle("It is damaged.") from error
    raise UnreadablePickle("It has no end.")


def _push(machine: _Machine, value: Any) -> None:
    machine.stack.append(value)


def _constant(value: Callable[[], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(value())


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(machine.take(count))


def _collect(kind: Callable[[list[Any]], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(kind(machine.above_mark()))


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


def _append(machine: _Machine, _: Any) -> None:
    (item,) = machine.take(1)
    machine.stack[-1].append(item)


def _appends(machine: _Machine, _: Any) -> None:
    items = machine.above_mark()
    machine.stack[-1].extend(items)


def _set_item(machine: _Machine, _: Any) -> None:
    key, value = machine.take(2)
    _fill(machine.stack[-1], {key: value})


def _set_items(machine: _Machine, _: Any) -> None:
    items = machine.above_mark()
    _fill(machine.stack[-1], _pairs(items))


def _fill(target: Any, items: dict[Any, Any]) -> None:
    if not isinstance(target, dict):
        raise TypeError("not a dictionary")
    target.update(items)


def _remember(machine: _Machine, number: Any) -> None:
    machine.memo[len(machine.memo) if number is None else number] = machine.stack[-1]


def _recall(machine: _Machine, number: int) -> None:
    machine.stack.append(machine.memo[number])


def _name(machine: _Machine, argument: str) -> None:
    machine.stack.append(Name(argument.replace(" ", ".")))


def _stack_name(machine: _Machine, _: Any) -> None:
    module, name = machine.take(2)
    machine.stack.append(Name(f"{module}.{name}"))


def _call(machine: _Machine, _: Any) -> None:
    by, args = machine.take(2)
    machine.stack.append(Made(by, tuple(args)))


def _build(machine: _Machine, _: Any) -> None:
    (state,) = machine.take(1)
    machine.stack[-1].state = state


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), lambda machine, _: None),
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"), _push),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _push),
    **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"), _push),
    "NONE": _constant(lambda: None),
    "NEWTRUE": _constant(lambda: True),
    "NEWFALSE": _constant(lambda: False),
    "EMPTY_LIST": _constant(list),
    "EMPTY_DICT": _constant(dict),
    "EMPTY_TUPLE": _constant(tuple),
    "MARK": _constant(lambda: MARK),
    "LIST": _collect(list),
    "TUPLE": _collect(tuple),
    "DICT": _collect(_pairs),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    **dict.fromkeys(("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"), _remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _recall),
    "GLOBAL": _name,
    "STACK_GLOBAL": _stack_name,
    "REDUCE": _call,
    "NEWOBJ": _call,
    "BUILD": _build,
}
