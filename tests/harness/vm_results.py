# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of cases, kept for as long as the code that they are about is the same, and told as a table."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import ROOT

FOLDER = ROOT / ".cache" / "faults"
# Whatever changes here may change the results.
WATCHED = ("plugins/module_utils", "plugins/modules", "tests/simulator", "tests/harness")


def digest_of_code() -> str:
    """Sixteen digits that change with the code under test, the simulator and the harness."""
    whole = hashlib.sha256()
    for folder in WATCHED:
        for path in sorted((ROOT / folder).rglob("*.py")):
            whole.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()[:16]


class Results:
    """The results of one route. Each is written as soon as it is known, so that a run that is cut short is not lost."""

    def __init__(self, route: str, *, keep: bool = True) -> None:
        name = "".join(letter if letter.isalnum() else "-" for letter in route)
        self._path = FOLDER / f"{digest_of_code()}-{name}.json" if keep else None
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = {}
        if self._path and self._path.exists():
            # A line for each: the last one may have been cut.
            for line in self._path.read_text("utf-8").splitlines():
                try:
                    case, values = json.loads(line)
                except ValueError:
                    continue
                self._known[case] = values

    def known(self, cases: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What is kept of these cases, but for those that went wrong, which are run again."""
        return {case: self._known[case] for case in cases if case in self._known and not self._known[case]["wrong"]}

    def keep(self, case: str, values: Mapping[str, Any]) -> None:
        """Keep a result."""
        if self._path is None:
            return
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([case, values]) + "\n")


def forget_others() -> None:
    """Remove the results about code that is no more."""
    current = digest_of_code()
    for path in FOLDER.glob("*.json") if FOLDER.exists() else ():
        if not path.name.startswith(current):
            os.unlink(path)


def table(cells: Sequence[Mapping[str, Any]]) -> str:
    """By route: cases, outcomes, what went wrong, seconds; then cases by fault."""
    lines = []
    for route in dict.fromkeys(cell["route"] for cell in cells):
        mine = [cell for cell in cells if cell["route"] == route]
        outcomes = Counter(cell["outcome"] for cell in mine)
        told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())
        wrong = sum(bool(cell["wrong"]) for cell in mine)
        lines.append(f"{route:<30} {len(mine):>5} cases {wrong:>4} wrong {sum(cell['seconds'] for cell in mine):>7.0f} s  {told}")
    by_fault: dict[str, Counter[str]] = defaultdict(Counter)
    for cell in cells:
        by_fault[cell["fault"]][cell["outcome"]] += 1
    lines += [""] + [
        f"{fault:<24} {sum(count.values()):>5}  {', '.join(f'{number} {outcome}' for outcome, number in count.most_common())}"
        for fault, count in by_fault.items()
    ]
    return "\n".join(lines)


def write_report(cells: Sequence[Mapping[str, Any]], path: Path) -> None:
    """All cells as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cases": list(cells)}, indent=1) + "\n", "utf-8")
