"""What is tested against other people's packages: torch, transformers, TransformerLens, kvpress, SAELens, Ray, notebooks."""

from . import build, cache, pins, python, steps


def test(arguments):
    """Builds the package, and runs tests/interop with the pinned packages (some 5 GB the first time).

    returns  pytest's exit code
    """
    # What builds the package is in an environment of its own; the extension serves any environment of the same Python.
    build.build("release", python.test_options())
    interpreter = cache.environment("interop", pins.INTEROP)
    env = steps.environment(PYTHONPATH=build.folder("release") / "python", PYTHONDONTWRITEBYTECODE="1",
                            OMP_WAIT_POLICY="passive", SINKSCOPE_PROGRAM=build.program(), SINKSCOPE_MODELS=cache.models(),
                            HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", RAY_USAGE_STATS_ENABLED="0")
    return steps.show([interpreter, "-m", "pytest", "-q", "-p", "no:cacheprovider", steps.ROOT / "tests" / "interop",
                       *arguments], env=env)
