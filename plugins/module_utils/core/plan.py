# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done: steps, what they need, how they are taken back, and the record that will be there afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from .model import Record


class Progress(Enum):
    """How far a step is, as seen at the provider: not begun, begun (perhaps by a run that died) or finished."""

    NO = "no"
    IN_FLIGHT = "in flight"
    DONE = "done"


def _not_begun() -> Progress:
    return Progress.NO


@dataclass(frozen=True)
class Step:
    """One thing to do, with one request that changes something. ``do`` None: nothing is sent, only waited for.

    ``undo`` may be called after ``do`` failed or was never answered, and for a step that an earlier run has done: it looks for
    itself what there is to put back. What was never needed is no step. A ``disruptive`` step leaves its target in a state that
    must not last, so that even the deadline undoes it; if that fails, only what else is disruptive is undone. Undo stops at a
    ``point_of_no_return``: once that step has sent its request, it and all steps before it stay. Write a verification as such a
    step, with the check as its ``do``.
    """

    name: str
    do: Callable[[], None] | None = None
    done: Callable[[], Progress] = _not_begun
    wait: Callable[[], None] | None = None
    undo: Callable[[], None] | None = None
    needs: tuple[str, ...] = ()
    disruptive: bool = False
    point_of_no_return: bool = False


@dataclass(frozen=True)
class Plan:
    """The steps to a goal and the record that will be there afterwards (None: nothing). No steps: unchanged.

    ``verb`` is what a successful run has done to the resource; ``why_unchanged`` explains a plan that changes nothing. ``seen``
    gives the record as the steps saw it last, so that a success that was seen needs no further look. ``release`` is called last,
    whatever became of the plan: it gives up what a run holds only while it lasts, such as a lock. ``state`` says after a failure
    what an operator needs to know first.

    ``removes`` makes it a deletion of many: the record that each step, by its name, belongs to. All steps are begun before any is
    waited for, one that fails keeps no other from being carried out, and nothing is undone. ``note`` is said with the success of a plan,
    and may be made from what was seen at its end, ``forecast`` instead of it in check mode: what would be changed or go, by name.

    ``replan`` is called when the step ``replan_after`` is done (it and those before it are a chain): the plan that it gives, made
    from what is read only then, is carried out instead of the steps that follow. A plan made before a lock was taken is a prediction.
    """

    steps: tuple[Step, ...] = ()
    after: Record | None = None
    verb: str = "created"
    why_unchanged: str = ""
    seen: Callable[[], Record | None] | None = None
    release: Callable[[], None] | None = None
    state: Callable[[], str] | None = None
    removes: Mapping[str, Record] | None = None
    note: str | Callable[[Record | None], str] = ""
    forecast: str = ""
    replan: Callable[[], Plan] | None = None
    replan_after: str = ""

    @property
    def changes(self) -> bool:
        """Whether carrying it out sends anything; waiting alone is no change."""
        return any(step.do for step in self.steps)


def would_change(plan: Plan) -> bool:
    """Whether carrying the plan out would send anything, as seen at the provider now."""
    return any(step.do and step.done() is Progress.NO for step in plan.steps)
