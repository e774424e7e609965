"""The main job on the examples, with three small real models; and the folder in which the README's commands run."""

import pathlib
import shutil

from . import build, cache, steps
from .pins import MODELS

EXAMPLES = steps.ROOT / "examples"
FOLDER = steps.ROOT / "build" / "demo"
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


def write_report(folder):
    """The report of all scans of the folder."""
    command = ["./sinkscope", "report", *map(results_of, MODELS), "-o", REPORT]
    steps.say(f"\n$ {' '.join(command)}")
    if steps.show(command, cwd=folder) != 0:
        raise steps.Failed("the report could not be written")


def demo():
    build.build("release", target="sinkscope")
    models = cache.models()
    shutil.rmtree(FOLDER, ignore_errors=True)
    make_folder(FOLDER, build.program(), models)
    for model in MODELS:
        command = ["./sinkscope", "scan", "-m", model.file, "-f", TEXT, "-o", results_of(model)]
        steps.say(f"\n$ {' '.join(command)}")
        if steps.show(command, cwd=FOLDER) != 0:
            raise steps.Failed(f"the scan of {model.title} failed")
    write_report(FOLDER)
    steps.say(f"""
The results lie in {FOLDER.relative_to(steps.ROOT)}/. What to look at next:

  cd {FOLDER.relative_to(steps.ROOT)}
  ./sinkscope show gemma3.scan.db                              # the same tables again, without the model
  ./sinkscope show smollm2.scan.db --min-alignment 0.8         # judged again under another threshold
  ./sinkscope export gemma3.scan.db --format csv               # every run with its figures
  ./sinkscope scan -m gemma3.gguf -f YOUR-TEXT.txt             # a text of yours, best 1000 tokens and more
  ./sinkscope plot gemma3.scan.db --figure lives -o lives.svg  # a figure for a paper

All three side by side, as a page for any browser:

  {FOLDER / REPORT}""")
