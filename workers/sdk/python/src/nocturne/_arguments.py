# SPDX-License-Identifier: MIT
"""The command line of a program that is run by hand: its parameters, --help, and options that it does not know."""
from __future__ import annotations

import difflib
import gc
import os
import sys
from types import ModuleType
from typing import Any, Iterable, Iterator, List, Mapping, NoReturn, Optional, Sequence, Set

# What the SDK reads besides the parameters: option, what stands for its value, what it is.
OWN = (("seed", "INT", "of the program's random numbers (default: 1)"),
       ("folder", "PATH", "for checkpoints (default: the current one)"),
       ("resume", "PATH", "the checkpoint to go on from"))

# Who reads options in the program's stead: parsers, and programs that only load it.
PARSERS = {"absl", "argparse", "click", "docopt", "fire", "getopt", "hydra", "jsonargparse", "optparse", "pytest", "_pytest",
           "simple_parsing", "tap", "typer", "tyro", "unittest", "lightning.pytorch.cli", "pytorch_lightning.cli",
           "transformers.hf_argparser", "ipykernel_launcher"}


class UsageError(SystemExit):
    """Ends the program with exit code 2 and its text on stderr."""

    def __init__(self, text: str) -> None:
        super().__init__(2)
        self.text = text

    def __str__(self) -> str:
        return self.text


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
    return {int: "INT", float: "FLOAT", str: "TEXT"}.get(type(default), "VALUE")


def _help(defaults: Mapping[str, Any]) -> str:
    rows = [(f"--{name.replace('_', '-')} {_kind(v)}", f"default: {v!r}" if isinstance(v, str) else f"default: {v}")
            for name, v in defaults.items()]
    rows += [(f"--{name} {what}", text) for name, what, text in OWN if name not in defaults]
    rows.append(("--help", "print this"))
    width = max(len(left) for left, _ in rows)
    program = os.path.basename(sys.argv[0]) or "program"
    return "\n".join([f"Usage: {program} [--NAME VALUE]...", "Under Nocturne the parameters are the trial's; by hand they are:", "",
                      *(f"  {left:{width}}  {right}" for left, right in rows)])


def _fail(text: str) -> NoReturn:
    print(text, file=sys.stderr)
    raise UsageError(text)


def check(argv: Sequence[str], defaults: Mapping[str, Any], own: Iterable[str], is_others: Any = is_read_by_others) -> None:
    """Prints the parameters and ends, if argv asks for help; refuses an option that nobody knows, and one without its
    value. ``own``: options of the program's, which it reads itself; ``is_others()``: all are."""
    known = {name for name, _, _ in OWN} | set(own)
    names: List[str] = sorted({s for name in {*defaults, *known} for s in _spellings(name)})
    for i in _options(argv, defaults, known):
        a, has, _ = argv[i].partition("=")
        wrong = a.startswith("--") and a not in names
        lacks = a in names and not has and i + 1 == len(argv) and a[2:].replace("-", "_") not in own and \
            not _is_flag(argv, i, next((v for name, v in defaults.items() if a in _spellings(name)), None))
        if not (wrong or lacks or a == "-h") or is_others():
            continue
        if a in ("--help", "-h"):
            print(_help(defaults))
            raise SystemExit(0)
        if lacks:
            _fail(f"{a}: its value is missing; see --help")
        near = difflib.get_close_matches(a, names, 1)
        _fail(f"unknown option {a!r}{f'; did you mean {near[0]!r}?' if near else ''}; see --help")
