"""`./dev mutate`: whether the tests of a room notice when one token of its sources changes.

Works on a copy of the tree under build/mutate/, so that sources stay as they are, however it ends.
"""

import dataclasses
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import time

from . import build, mutants, packages, steps

FOLDER = steps.ROOT / "build" / "mutate"
TREE = FOLDER / "tree"
# As the preset's folder lies in any tree: then ccache has all rooms but one from builds of the release.
PRESET = "release"
BUILD = TREE / "build" / PRESET
SAMPLE = 30
# Tests of this label are quick, and need neither models nor programs.
LABEL = "unit"
MEMORY_bytes = 8 << 30


@dataclasses.dataclass
class Outcome:
    killed: int = 0
    survived: list = dataclasses.field(default_factory=list)
    stillborn: int = 0  # no program: the compiler found it

    @property
    def rate(self):
        tried = self.killed + len(self.survived)
        return self.killed / tried if tried else None

    def __str__(self):
        rate = "nothing to say" if self.rate is None else f"{100 * self.rate:.0f} %"
        return (f"{self.killed} killed, {len(self.survived)} survived ({rate}); "
                f"{self.stillborn} more did not compile")


def rooms():
    """The rooms that have tests of their own: the folders of both src/ and tests/."""
    sources = steps.ROOT / "src"
    return sorted(str(path.parent.relative_to(sources)) for path in sources.rglob("CMakeLists.txt")
                  if path.parent != sources and test_targets(str(path.parent.relative_to(sources))))


def test_targets(room):
    """The unit tests of a room: names of programs."""
    listed = steps.ROOT / "tests" / room / "CMakeLists.txt"
    if not listed.is_file():
        return []
    found = re.findall(r"sinkscope_test\(\s*(\w+)\s+LABEL\s+(\w+)", listed.read_text(encoding="utf-8"))
    return [name for name, label in found if label == LABEL]


def candidates(room):
    """All mutants of the sources that lie in the room's own folder."""
    files = sorted((steps.ROOT / "src" / room).glob("*.cpp"))
    return [mutant for file in files
            for mutant in mutants.mutants_of(str(file.relative_to(steps.ROOT)), file.read_text(encoding="utf-8"))]


def copy_tree():
    """Brings the copy up to date; files that are as they were keep their times, so that little is compiled anew."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=steps.ROOT,
                            capture_output=True, check=True).stdout.decode().split("\0")
    wanted = {name for name in listed if name and (steps.ROOT / name).is_file()}
    for folder, folders, files in os.walk(TREE):
        if pathlib.Path(folder) == TREE:
            folders[:] = [name for name in folders if name != "build"]
        for path in (pathlib.Path(folder) / name for name in files):
            if str(path.relative_to(TREE)) not in wanted:
                path.unlink()
    for name in wanted:
        source, target = steps.ROOT / name, TREE / name
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def configure(room):
    """The room's files are compiled one by one, so that a mutant costs one compilation; all else is as released."""
    packages.ensure(packages.BUILD)
    fetched = [f"-D{name}={fetch() or ''}" for name, fetch in build.FETCHED.items()]
    steps.run(f"configuring mutants of {room}", ["cmake", "--preset", PRESET, "-S", TREE, "-B", BUILD,
                                                 f"-DSINKSCOPE_CHANGING_ROOM={room.replace('/', '_')}", *fetched])


def _compiles(target):
    return subprocess.run(["cmake", "--build", BUILD, "--target", target], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False).returncode == 0


def _bounded():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_bytes, MEMORY_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _passes(room, target, timeout_s):
    program = BUILD / "tests" / room / target
    try:
        return subprocess.run([program, "--gtest_brief=1", "--gtest_fail_fast"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=timeout_s,
                              env=steps.environment(OMP_WAIT_POLICY="passive", SINKSCOPE_MODELS=None),
                              preexec_fn=_bounded, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _times(room, targets):
    """How long each test program may take: ten times what it takes unchanged. The quickest comes first."""
    allowed = {}
    for target in targets:
        start = time.monotonic()
        if not _passes(room, target, 600):
            raise steps.Failed(f"{room}: expected {target} to pass before anything is changed; run ./dev test")
        allowed[target] = 10 + 10 * (time.monotonic() - start)
    return dict(sorted(allowed.items(), key=lambda one: one[1]))


def _verdict(room, allowed):
    """What the room's tests say; what one program notices no other needs to be linked and run for."""
    for target, timeout_s in allowed.items():
        if not _compiles(target):
            return "stillborn"
        if not _passes(room, target, timeout_s):
            return "killed"
    return "survived"


def _try(mutant, room, allowed, outcome):
    path = TREE / mutant.file
    whole = path.read_text(encoding="utf-8")
    try:
        path.write_text(mutant.of(whole), encoding="utf-8")
        verdict = _verdict(room, allowed)
        if verdict == "survived":
            outcome.survived.append(mutant)
        elif verdict == "killed":
            outcome.killed += 1
        else:
            outcome.stillborn += 1
    finally:
        path.write_text(whole, encoding="utf-8")


def mutate_room(room, sample, seed):
    """Tries `sample` mutants of a room, drawn by `seed`, or all."""
    targets = test_targets(room)
    if not targets:
        raise steps.Failed(f"mutate: expected a room with tests of its own, got '{room}'; these have some: "
                           + " ".join(rooms()))
    drawn = candidates(room)
    if sample and sample < len(drawn):
        drawn = sorted(random.Random(f"{seed} {room}").sample(drawn, sample))
    configure(room)
    steps.run(f"building the tests of {room}", ["cmake", "--build", BUILD, "--target", *targets])
    allowed = _times(room, targets)
    outcome = Outcome()
    report = pathlib.Path(FOLDER / (room.replace("/", "_") + ".txt"))
    with steps.step(f"{len(drawn)} mutants of {room}") as shown:
        for tried, mutant in enumerate(drawn):
            shown.progress(f"{tried} tried, {outcome.killed} killed, {len(outcome.survived)} survived")
            _try(mutant, room, allowed, outcome)
            report.write_text("".join(f"{line}\n" for line in [f"{room}: {outcome}", *outcome.survived]), encoding="utf-8")
    for mutant in outcome.survived:
        steps.say(f"  survived  {mutant}")
    steps.say(f"{room}: {outcome}")
    return outcome


def mutate(wanted, sample, seed):
    """Mutants of these rooms, or of all that have tests. Files of survivors lie in build/mutate/."""
    os.makedirs(FOLDER, exist_ok=True)
    copy_tree()
    for room in wanted or rooms():
        mutate_room(room, sample, seed)
