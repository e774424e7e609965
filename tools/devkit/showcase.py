"""The main job on the examples, with three small real models; and the folder in which the README's commands run."""

import json
import pathlib
import shutil
import subprocess

from . import build, cache, steps
from .pins import MODELS

EXAMPLES = steps.ROOT / "examples"
FOLDER = steps.ROOT / "build" / "demo"
CHAT = ["scan", "-m", "qwen25coder.gguf", "--chat", "-f", "chat.json", "-o", "chat.scan.db"]
TEXT = "mathematics.txt"
REPORT = "report.html"


def make_folder(folder, program, models):
    """A folder with the program, the models and the example texts, all under short names."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = [program, *EXAMPLES.iterdir(), *(pathlib.Path(models) / model.file for model in MODELS)]
    for target in targets:
        link = folder / target.name
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def results_of(model):
    return model.file.replace(".gguf", ".scan.db")


def show(folder, *arguments):
    """One command of the program, as a reader would type it."""
    steps.say(f"\n$ ./sinkscope {' '.join(arguments)}")
    if steps.show(["./sinkscope", *arguments], cwd=folder) != 0:
        raise steps.Failed(f"`sinkscope {arguments[0]}` failed")


def share(values):
    """A share by block as a range: 22-51 %."""
    low, high = (f"{100 * value:.0f}" for value in (min(values), max(values)))
    return f"{low} %" if low == high else f"{low}-{high} %"


def in_a_line(folder, results):
    """What was seen of the one text of a results file."""
    printed = subprocess.run(["./sinkscope", "export", results, "--format", "json"], cwd=folder, check=True,
                             capture_output=True)
    scan = json.loads(printed.stdout)["sequences"][0]
    primary, attention = scan["primary"], scan["attention"]
    if primary is None:
        return f"no primary sink: {scan['no_primary_reason']}"
    sinks = [sum(parts) for parts in zip(*(attention[kind] for kind in ("primary_like", "secondary", "unaligned")))]
    blocks = [block for block, part in enumerate(sinks) if part > 0]
    kinds = ", ".join(f"{n} {kind}" for kind, n in scan["counts"]["by_kind"].items() if n > 0 and kind != "primary")
    line = f"the first sink is position {primary['position']}, born at layer {primary['birth_layer']}; others: {kinds or 'none'}"
    if blocks:
        line += (f"; in blocks {blocks[0]}-{blocks[-1]} these take {share([sinks[block] for block in blocks])} of all "
                 f"attention, the first {share([attention['primary'][block] for block in blocks])}")
    return line


def write_report(folder):
    """The report of all scans of the folder."""
    show(folder, "report", "chat.scan.db", *map(results_of, MODELS), "-o", REPORT)


def demo():
    build.build("release", target="sinkscope")
    models = cache.models()
    shutil.rmtree(FOLDER, ignore_errors=True)
    make_folder(FOLDER, build.program(), models)
    steps.say("\nA short chat, and the tokens that draw the attention of all that follows them:")
    show(FOLDER, *CHAT)
    steps.say("\nA longer text, read by three models:")
    for model in MODELS:
        show(FOLDER, "scan", "-m", model.file, "-f", TEXT, "-o", results_of(model))
    write_report(FOLDER)
    steps.say("\nWhat was seen:\n")
    for name, results in [("The chat", "chat.scan.db"), *((model.title, results_of(model)) for model in MODELS)]:
        steps.say(f"  {name}: {in_a_line(FOLDER, results)}")
    steps.say(f"""
The results lie in {FOLDER.relative_to(steps.ROOT)}/. What to look at next:

  cd {FOLDER.relative_to(steps.ROOT)}
  ./sinkscope show gemma3.scan.db                              # the same tables again, without the model
  ./sinkscope show smollm2.scan.db --min-alignment 0.8         # judged again under another threshold
  ./sinkscope export gemma3.scan.db --format csv               # every run with its figures
  ./sinkscope scan -m gemma3.gguf -f YOUR-TEXT.txt             # a text of yours, best 1000 tokens and more
  ./sinkscope plot chat.scan.db --figure attention -o attention.svg  # a figure for a paper

All of them side by side, as a page for any browser:

  {FOLDER / REPORT}""")
