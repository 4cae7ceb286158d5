# SPDX-License-Identifier: MIT
from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

SALT_MAX, UNIT_MAX, TEXT_MAX = 128, 1024, 1 << 20  # bytes


class Decision(NamedTuple):
    """What a unit gets, and why (a reason of OpenFeature). counted: it takes part in the experiment."""
    variant: str
    reason: str
    counted: bool


def place(salt: str, unit: str) -> float:
    """Where a unit stands in [0, 1): the first 13 hexadecimal digits of SHA-256("SALT:UNIT") over 2^52."""
    return _place(_salt(salt), unit_bytes(unit))


def unit_bytes(unit: str) -> bytes:
    """ValueError: it is empty, longer than 1,024 bytes, or no text (a NUL is none)."""
    bytes_ = unit.encode()
    if b"\0" in bytes_:
        raise ValueError("a unit is a text without a NUL")
    if not 0 < len(bytes_) <= UNIT_MAX:
        raise ValueError(f"a unit is a text of 1 to {UNIT_MAX} bytes, not of {len(bytes_)}")
    return bytes_


def _place(salt: bytes, unit: bytes) -> float:
    return (int.from_bytes(hashlib.sha256(salt + unit).digest()[:7], "big") >> 4) / 2**52


def _salt(salt: Any) -> bytes:
    """With its colon."""
    if not isinstance(salt, str) or ":" in salt or len(salt.encode()) > SALT_MAX:
        raise ValueError(f"a salt is a text of up to {SALT_MAX} bytes without a colon, not {salt!r}")
    return salt.encode() + b":"


class Ruleset:
    """What is needed to assign units without asking anybody; never changed once it is made. ValueError: text is none."""

    def __init__(self, text: bytes, rollout: str) -> None:
        if len(text) > TEXT_MAX:
            raise ValueError(f"a ruleset has at most {TEXT_MAX} bytes")
        rules = json.loads(text, parse_constant=_refuse)
        _check(isinstance(rules, dict) and rules.get("rollout") == rollout, "it is of another rollout")
        self.version: Any = rules.get("version")
        self.valid_s = _number(rules, "valid_ms", 1, 1e15) / 1e3
        self.refresh_s = _number(rules, "refresh_ms", 1, 1e15) / 1e3
        self.variants: Dict[str, Dict[str, Any]] = rules.get("variants")
        _check(isinstance(self.variants, dict) and "champion" in self.variants, "it has no champion")
        for name, v in self.variants.items():
            _check(isinstance(v, dict) and isinstance(v.get("parameters"), dict) and isinstance(v.get("hash"), str),
                   f"variant {name!r} has no hash and parameters")
        self.experiment: Optional[int] = None
        self.period: Optional[int] = None
        self._ranges: List[Tuple[float, float, str]] = []
        if "experiment" in rules:
            self.experiment, self.period = int(_number(rules, "experiment", 1, 2**53)), int(_number(rules, "period", 0, 2**53))
            self._salt = _salt(rules.get("salt"))
            self._read_ranges(rules.get("ranges"))
        self._killed = bool(self._read_killed(rules.get("killed")))
        self.shadow = self._read_shadow(rules.get("shadow"))
        group, holdout = _part(rules, "group"), _part(rules, "holdout")
        self._group = group and (_salt(group.get("salt")), _number(group, "from", 0, 1), _number(group, "to", 0, 1))
        self._holdout = holdout and (_salt(holdout.get("salt")), _number(holdout, "share", 0, 1))
        self._overrides: Dict[str, str] = _part(rules, "overrides") or {}
        for variant in self._overrides.values():
            _check(isinstance(variant, str) and variant in self.variants, f"an override has the unknown variant {variant!r}")

    @staticmethod
    def _read_killed(why: Any) -> str:
        """By an operator of the service."""
        _check(why is None or isinstance(why, str), "killed is no text")
        return why or ""

    def _read_shadow(self, names: Any) -> List[str]:
        names = [] if names is None else names
        _check(isinstance(names, list) and all(isinstance(n, str) and n in self.variants for n in names), "shadow is no list of variants")
        return list(names)

    def _read_ranges(self, ranges: Any) -> None:
        _check(isinstance(ranges, list), "its ranges are no list")
        end = 0.0
        for r in ranges:
            _check(isinstance(r, list) and len(r) == 3 and _is_number(r[0]) and _is_number(r[1]) and end <= r[0] < r[1] <= 1,
                   f"{r!r} is no range above {end}")
            _check(isinstance(r[2], str) and r[2] in self.variants, f"a range has the unknown variant {r[2]!r}")
            self._ranges.append((r[0], r[1], r[2]))
            end = r[1]

    def assign(self, unit: str, doubt: Optional[str] = None) -> Decision:
        """doubt: "DISABLED" or "STALE": the experiment must not go on here, and this is why. ValueError: no unit."""
        bytes_ = unit_bytes(unit)
        if self._killed or doubt == "DISABLED":
            return Decision("champion", "DISABLED", False)
        if unit in self._overrides:
            return Decision(self._overrides[unit], "TARGETING_MATCH", False)
        if self.experiment is None:
            return Decision("champion", "STATIC", False)
        if doubt:
            return Decision("champion", doubt, False)
        if self._holdout and _place(self._holdout[0], bytes_) < self._holdout[1]:
            return Decision("champion", "STATIC", False)
        if self._group and not self._group[1] <= _place(self._group[0], bytes_) < self._group[2]:
            return Decision("champion", "STATIC", False)
        at = _place(self._salt, bytes_)
        for start, end, variant in self._ranges:
            if start <= at < end:
                return Decision(variant, "SPLIT", True)
        return Decision("champion", "SPLIT", True)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _check(fine: Any, why: str) -> None:
    if not fine:
        raise ValueError(why)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(rules: Dict[str, Any], name: str, least: float, most: float) -> float:
    value: Any = rules.get(name)
    _check(_is_number(value) and least <= value <= most, f"{name} is {value!r}, no number from {least} to {most}")
    return float(value)


def _part(rules: Dict[str, Any], name: str) -> Optional[Dict[str, Any]]:
    value = rules.get(name)
    _check(value is None or isinstance(value, dict), f"{name} is no object")
    return value
