"""Run the stages of the test suite side by side; print what failed in full, what ran, how many tests, what was left out and why.

run_stages.py            runs all stages
run_stages.py ruff unit  runs these
The output of each stage is kept in .cache/logs/<stage>.log.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

from collection_tree import ROOT, link_collection

BIN = pathlib.Path(sys.executable).parent
LOGS = ROOT / ".cache" / "logs"
TREE = link_collection()
CPUS = os.cpu_count() or 1
PYTEST = [sys.executable, "-m", "pytest"]
STAGE_LIMIT_S = 1680
NO_TESTS_FOUND = 5


@dataclasses.dataclass(frozen=True)
class Stage:
    """A command whose exit code says whether the stage is well; without the folder that it looks at it is skipped.

    ``counted`` finds in the output of a stage that is not pytest's how many of ``unit`` there were: by its group, or by how often it is found.
    ``left_out`` is what it never runs, and why.
    """

    name: str
    command: list[str]
    unit: str = ""
    counted: str = ""
    left_out: str = ""
    folder: str = "."
    cwd: pathlib.Path = ROOT

    @property
    def is_pytest(self) -> bool:
        return self.command[:3] == PYTEST


def pytest_stage(name: str, left_out: str = "") -> Stage:
    """A folder of tests."""
    return Stage(name, [*PYTEST, f"tests/{name}", "-n", str(CPUS)], left_out=left_out, folder=f"tests/{name}")


LINT_DOCS = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "self", "--check-extra-docs-refs", "."]
TYPED = "ansible_collections/multicloud/recovery/plugins/module_utils"
# Roughly the longest first, so that none of them is started last and runs alone.
STAGES = [
    pytest_stage("faults", "all but a sample of the fault matrix: `make faults` runs it whole"),
    pytest_stage("integration"),
    Stage("sanity", [sys.executable, "tests/tools/sanity.py"], "tests of ansible-test", '^Running sanity test "'),
    pytest_stage("unit"),
    Stage("galaxy", [sys.executable, "tests/tools/galaxy.py", "check"], "commands to build, install, use and import it", r"^\$ "),
    Stage("ansible-lint", ["ansible-lint", "--offline"], "files", r"in (\d+) files processed"),
    Stage("mypy", ["mypy", "--config-file", str(ROOT / "pyproject.toml"), TYPED], "files of module_utils", r"in (\d+) source files", cwd=TREE),
    Stage("docs", LINT_DOCS, "documentation of all plugins, and docs/"),
    Stage("changelog", ["antsibull-changelog", "lint"], "changelog fragments"),
    Stage("ruff", ["ruff", "check", "."], "all Python files"),
    Stage("format", ["ruff", "format", "--diff", "."], "Python files", r"(\d+) files already formatted"),
]
# What a stage leaves out, in the words of its output.
LEFT_OUT = re.compile(r"^(?:(?:SKIPPED|XFAIL) .*|WARNING: (?:Required program|Skipping) .*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a stage ended: result is "ok", "FAILED" or "skipped"; ``busy_s`` is how long it kept a processor busy, whatever else ran."""

    stage: Stage
    result: str
    seconds: float
    note: str = ""
    output: str = ""
    busy_s: float = 0


class Runner:
    """Runs stages, each in a process group of its own, so that all it started can be ended with it."""

    def __init__(self) -> None:
        self._running: set[int] = set()
        self._stopped = threading.Event()

    def run(self, stage: Stage) -> Outcome:
        """Run one stage to its end and keep its output."""
        if not (ROOT / stage.folder).exists() or self._stopped.is_set():
            return Outcome(stage, "skipped", 0, f"there is no {stage.folder}")
        environment = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "PY_COLORS", "MAKEFLAGS", "MFLAGS")}
        environment |= {"PATH": os.pathsep.join([str(BIN), os.environ["PATH"]]), "ANSIBLE_COLLECTIONS_PATH": str(TREE), "NO_COLOR": "1"}
        environment |= {"MYPY_CACHE_DIR": str(ROOT / ".cache" / "mypy")}
        log = LOGS / f"{stage.name}.log"
        started = time.monotonic()
        late = threading.Event()
        with log.open("wb") as stream:
            process = subprocess.Popen(
                stage.command, cwd=stage.cwd, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )
            self._running.add(process.pid)
            timer = threading.Timer(STAGE_LIMIT_S, lambda: (late.set(), _end_group(process.pid)))
            timer.start()
            _pid, status, used = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = code = os.waitstatus_to_exitcode(status)
            self._running.discard(process.pid)
        note = f"ended after {STAGE_LIMIT_S} s" if late.is_set() else "no tests found" if code == NO_TESTS_FOUND and stage.is_pytest else ""
        result, seconds = "FAILED" if code else "ok", time.monotonic() - started
        return Outcome(stage, result, seconds, note, log.read_text(errors="replace"), used.ru_utime + used.ru_stime)

    def stop(self) -> None:
        """End the stages that run now and start no other."""
        self._stopped.set()
        for group in list(self._running):
            _end_group(group)


def _end_group(group: int) -> None:
    """End a process group that we started, and only that."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)


def count_tests(outcome: Outcome) -> dict[str, int]:
    """What pytest's last line counts, as {"passed": 12}; empty when the stage is not one of pytest's."""
    closings = re.findall(r"^=+ (.* in [\d.]+s.*?) =+$", outcome.output, re.MULTILINE) if outcome.stage.is_pytest else []
    return {word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", closings[-1].partition(" in ")[0])} if closings else {}


def describe(outcome: Outcome) -> str:
    """What ran, and how much of it."""
    stage = outcome.stage
    tests = ", ".join(f"{number} {word}" for word, number in count_tests(outcome).items())
    found = re.findall(stage.counted, outcome.output, re.MULTILINE) if stage.counted else []
    number = "" if not found else f"{found[0]} " if found[0].isdigit() else f"{len(found)} "
    return outcome.note or tests or f"{number}{stage.unit}"


def find_left_out(outcome: Outcome) -> list[str]:
    """What a stage has not run, each with the reason."""
    found = [text.removeprefix("WARNING: ") for text in LEFT_OUT.findall(outcome.output)]
    return list(dict.fromkeys([text for text in (outcome.stage.left_out, *found) if text]))


def line(outcome: Outcome) -> str:
    """A stage in one line."""
    return f"{outcome.stage.name:14}{outcome.result:8}{outcome.seconds:7.1f} s{outcome.busy_s:7.1f} s CPU  {describe(outcome)}".rstrip()


def report(outcome: Outcome) -> None:
    """Print that a stage has ended, and its log when it failed."""
    print(line(outcome))
    if outcome.result == "FAILED":
        print(f"{f' log of {outcome.stage.name} ':-^100}\n{outcome.output.rstrip()}\n{'-' * 100}")
    sys.stdout.flush()


def total(outcomes: list[Outcome], seconds: float) -> str:
    """Return one closing line over all stages, and over their tests in pytest's words."""
    results = collections.Counter(outcome.result for outcome in outcomes)
    tests: collections.Counter[str] = collections.Counter()
    for outcome in outcomes:
        tests.update(count_tests(outcome))
    stages = [f"{number} stage{'s' * (number != 1)} {result}" for result in ("FAILED", "ok", "skipped") if (number := results[result])]
    names = ("failed", "passed", "skipped", "xfailed", "xpassed", "error")
    words = [f"{number} {name}{'s' * (name == 'error' and number > 1)}" for name in names if (number := tests[name])]
    return f" {', '.join(stages)}{'; tests: ' * bool(words)}{', '.join(words)} in {seconds:.2f}s "


def main(names: list[str]) -> int:
    """Return 0 when every stage is well, 1 when one failed, 130 when interrupted."""
    if unknown := set(names) - {stage.name for stage in STAGES}:
        sys.exit(f"No such stage: {', '.join(sorted(unknown))}. There are: {', '.join(stage.name for stage in STAGES)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    stages = [stage for stage in STAGES if not names or stage.name in names]
    runner = Runner()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcomes = []
    started = time.monotonic()
    print(f"Running {', '.join(stage.name for stage in stages)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(2, CPUS)) as pool:
        try:
            for future in concurrent.futures.as_completed([pool.submit(runner.run, stage) for stage in stages]):
                outcomes.append(future.result())
                report(outcomes[-1])
        except KeyboardInterrupt:
            runner.stop()
            return 130
    outcomes.sort(key=lambda outcome: stages.index(outcome.stage))
    print("", "What ran", *(f"  {line(outcome)}" for outcome in outcomes), sep="\n")
    if left_out := [f"  {outcome.stage.name:14}{text}" for outcome in outcomes for text in find_left_out(outcome)]:
        print("", "What was left out", *left_out, sep="\n")
    print(f"{total(outcomes, time.monotonic() - started):=^100}", flush=True)
    return int(any(outcome.result == "FAILED" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
