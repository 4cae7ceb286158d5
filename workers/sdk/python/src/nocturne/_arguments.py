# SPDX-License-Identifier: MIT
"""The command line of a program that is run by hand: its parameters, --help, and what it does not know."""
from __future__ import annotations

import difflib
import gc
import json
import math
import os
import re
import sys
from types import ModuleType
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NoReturn, Optional, Sequence, Set

# What the SDK reads besides the parameters: option, what stands for its value, what it is.
OWN = (("seed", "INT", "of the program's random numbers (default: 1)"),
       ("folder", "PATH", "for checkpoints (default: the current one)"),
       ("resume", "PATH", "the checkpoint to go on from"))

# Who reads options in the program's stead: parsers, and programs that only load it.
PARSERS = {"absl", "argparse", "click", "docopt", "fire", "getopt", "hydra", "jsonargparse", "optparse", "pytest", "_pytest",
           "simple_parsing", "tap", "typer", "tyro", "unittest", "lightning.pytorch.cli", "pytorch_lightning.cli",
           "transformers.hf_argparser", "ipykernel_launcher"}


WHOLE = re.compile(r"[+-]?[0-9]{1,400}")
REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
ENDLESS = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


class UsageError(SystemExit):
    """Ends the program with exit code 2 and its text on stderr."""

    def __init__(self, text: str) -> None:
        super().__init__(2)
        self.text = text

    def __str__(self) -> str:
        return self.text


def fail(text: str) -> NoReturn:
    print(text, file=sys.stderr)
    raise UsageError(text)


# ---- values ----

def _quoted(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "…")


def _truth(text: str) -> Optional[bool]:
    return {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}.get(text.lower())


def _real(text: str) -> Optional[float]:
    """A number, of ASCII and without blanks; infinite only where it says so."""
    if ENDLESS.fullmatch(text):
        return float(text)
    value = float(text) if REAL.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def _json(text: str) -> Any:
    """None: it is none, or null."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _guess(text: str) -> Any:
    """A value whose default has no type to go by."""
    if WHOLE.fullmatch(text):
        return int(text)
    value = _real(text)
    if value is not None:
        return value
    if text[:1] in ("[", "{"):
        value = _json(text)
        return text if value is None else value
    return {"true": True, "false": False}.get(text.lower(), text)


def _whole(option: str, text: str, default: int) -> int:
    """Of 1e6, too: what is lost in reading it is nothing."""
    value = None if WHOLE.fullmatch(text) else _real(text)
    if WHOLE.fullmatch(text) or (value is not None and value.is_integer() and abs(value) < 2**53):
        return int(text if value is None else value)
    what = "a number; it takes a whole one" if value is None else "a whole number"
    return fail(f"{option}: {_quoted(text)} is not {what}, as its default {default} is; see --help")


def _structure(option: str, text: str, default: Any) -> Any:
    kind, what = (dict, "object") if isinstance(default, dict) else (list, "list")
    value = _json(text)
    if not isinstance(value, kind):
        fail(f"{option}: {_quoted(text)} is not a JSON {what}, as its default {json.dumps(default, default=str)} is; see --help")
    return tuple(value) if isinstance(default, tuple) else value


def like(text: str, default: Any, name: str) -> Any:
    """The text as a value of the default's type; if it is none, the program ends with exit code 2 and says which option."""
    option = "--" + name.replace("_", "-")
    if isinstance(default, bool):
        truth = _truth(text)
        return fail(f"{option}: {_quoted(text)} is neither true nor false; see --help") if truth is None else truth
    if isinstance(default, int):
        return _whole(option, text, default)
    if isinstance(default, float):
        value = _real(text)
        return fail(f"{option}: {_quoted(text)} is not a number; see --help") if value is None else value
    if isinstance(default, (list, tuple, dict)):
        return _structure(option, text, default)
    return text if isinstance(default, str) else _guess(text)


# ---- options ----

def _spellings(name: str) -> Set[str]:
    return {"--" + name, "--" + name.replace("_", "-")}


def _is_flag(argv: Sequence[str], i: int, default: Any) -> bool:
    """--name of a bool without a value: the next argument is none."""
    return isinstance(default, bool) and (i + 1 == len(argv) or argv[i + 1].startswith("-"))


def value_of(argv: Sequence[str], name: str, default: Any = None) -> Optional[str]:
    """What the command line says of it; None: nothing."""
    for i, a in enumerate(argv):
        if a == "--":
            return None
        key, has, value = a.partition("=")
        if key in _spellings(name):
            if has:
                return value
            if _is_flag(argv, i, default):
                return "true"
            return argv[i + 1] if i + 1 < len(argv) else None
    return None


def _options(argv: Sequence[str], defaults: Mapping[str, Any], known: Set[str]) -> Iterator[int]:
    """The places of what is no value of a known option before it."""
    names = {s: name for name in {*defaults, *known} for s in _spellings(name)}
    i = 0
    while i < len(argv) and argv[i] != "--":
        yield i
        key, has, _ = argv[i].partition("=")
        takes = key in names and not has and not _is_flag(argv, i, defaults.get(names[key]))
        i += 2 if takes else 1


# ---- whose command line is it? ----

def _names(value: Any) -> Set[str]:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return {name, name.partition(".")[0]} if isinstance(name, str) else set()


def _modules() -> Iterable[ModuleType]:
    """The program's own: the main one, and those that lie beside it."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    folder = os.path.join(os.path.dirname(os.path.abspath(path)), "") if path else None
    for module in list(sys.modules.values()):
        at = getattr(module, "__file__", None)
        if module is main or (folder and isinstance(at, str) and at.startswith(folder) and
                              os.sep + "site-packages" + os.sep not in at[len(folder) - 1:]):
            yield module


def is_read_by_others() -> bool:
    """Has the program a parser of its own, or is it loaded by one that has (a test runner, a notebook)?"""
    main = sys.modules.get("__main__")
    if main is None or not getattr(main, "__file__", None):
        return True
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name.partition(".")[0] in PARSERS:
        return True
    if any(_names(value) & PARSERS for module in _modules() for value in list(vars(module).values())):
        return True
    argparse = sys.modules.get("argparse")
    return argparse is not None and any(type(o) is argparse.Namespace for o in gc.get_objects())


# ---- saying ----

def _kind(default: Any) -> str:
    if isinstance(default, bool):
        return "BOOL"
    if isinstance(default, (list, tuple, dict)):
        return "JSON"
    return {int: "INT", float: "FLOAT", str: "TEXT"}.get(type(default), "VALUE")


def _shown(default: Any) -> str:
    if _kind(default) == "JSON":
        return json.dumps(default, default=str)
    return repr(default) if isinstance(default, str) else str(default)


def _help(defaults: Mapping[str, Any]) -> str:
    rows = [(f"--{name.replace('_', '-')} {_kind(v)}", f"default: {_shown(v)}") for name, v in defaults.items()]
    rows += [(f"--{name} {what}", text) for name, what, text in OWN if name not in defaults]
    rows.append(("--help", "print this"))
    width = max(len(left) for left, _ in rows)
    program = os.path.basename(sys.argv[0]) or "program"
    return "\n".join([f"Usage: {program} [--NAME VALUE]...", "Under Nocturne the parameters are the trial's; by hand they are:", "",
                      *(f"  {left:{width}}  {right}" for left, right in rows)])


def _nearest(word: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(names), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _refuse_unknown(arg: str, names: Iterable[str]) -> NoReturn:
    """An option, or a word, that nobody reads."""
    key, has, value = arg.partition("=")
    if arg.startswith("-") and not REAL.fullmatch(arg):
        fail(f"unknown option {_quoted(key)}{_nearest(key, names)}; see --help")
    meant = f"--{key}"
    if meant in names:
        fail(f"unexpected word {_quoted(arg)}; did you mean {meant + (has + value if has else ' VALUE')!r}?; see --help")
    fail(f"unexpected word {_quoted(arg)}: a parameter is '--NAME VALUE' or '--NAME=VALUE'; see --help")


class Line:
    """One command line, and who reads what of it. ``own``: options that the program reads itself; ``is_others()``: it has a parser that reads all of it."""

    def __init__(self, argv: Sequence[str], defaults: Mapping[str, Any], own: Iterable[str],
                 is_others: Any = is_read_by_others) -> None:
        self._argv, self._defaults, self._own, self._is_others = argv, defaults, set(own), is_others
        self._known = {name for name, _, _ in OWN} | self._own
        self._name = {s: name for name in {*defaults, *self._known} for s in _spellings(name)}

    def _is_unknown(self, arg: str) -> bool:
        key = arg.partition("=")[0]
        if key in self._name or (key.startswith("-") and key[1:] in self._own):
            return False
        return arg.startswith("-") and arg != "-" or "--" + key in self._name  # other words are the program's own

    def _lacks(self, i: int, name: str) -> bool:
        """A value: at the end, or where another option begins and only a text could look like that."""
        default = self._defaults.get(name, "" if name != "seed" else 1)
        if name in self._own or "=" in self._argv[i] or _is_flag(self._argv, i, default):
            return False
        return i + 1 == len(self._argv) or (self._argv[i + 1].startswith("--") and not isinstance(default, str))

    def _check(self, i: int, seen: Set[str]) -> None:
        arg = self._argv[i]
        key = arg.partition("=")[0]
        name = self._name.get(key)
        unknown, lacks, twice = self._is_unknown(arg), name is not None and self._lacks(i, name), name in seen
        if not (unknown or lacks or twice) or self._is_others():
            return
        if key in ("--help", "-h"):
            print(_help(self._defaults))
            raise SystemExit(0)
        if unknown:
            _refuse_unknown(arg, sorted(self._name))
        fail(f"{key}: its value is missing; see --help" if lacks else f"{key} is said twice; see --help")

    def values(self) -> Dict[str, Any]:
        """The parameters that it names. Prints all there are and ends, if it asks for help; ends the program with exit
        code 2 for what nobody reads, a value that is missing or wrong, and what is said twice."""
        seen: Set[str] = set()
        for i in _options(self._argv, self._defaults, self._known):
            self._check(i, seen)
            name = self._name.get(self._argv[i].partition("=")[0])
            if name is not None and name not in self._own:
                seen.add(name)
        if "seed" in seen and "seed" not in self._defaults and not self._is_others():
            like(value_of(self._argv, "seed") or "", 1, "seed")
        return {name: like(text, default, name) for name, default in self._defaults.items()
                for text in [value_of(self._argv, name, default)] if text is not None}
