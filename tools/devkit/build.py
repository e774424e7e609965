"""Configuring, building and testing by the presets of CMakePresets.json."""

import os

from . import cache, gpu, packages, python, steps, web

PRESETS = ["dev", "release", "clang", "sanitize", "asan", "ubsan", "tsan"]
# What tests need no model file, and so run under the sanitizers too.
MODEL_FREE = "^(unit|invariant|cli|fuzz)$"
# But for these, which take minutes there.
LONG = "^long$"
# What cmake is given unless the caller gives it: the option, and what fetches its folder.
FETCHED = {"SINKSCOPE_LLAMA_DIR": cache.llama_source, "SINKSCOPE_ONEDNN_DIR": cache.onednn}


def folder(preset, backend=None):
    """Builds with a GPU backend lie beside those without: build/release-cuda."""
    return steps.ROOT / "build" / (f"{preset}-{backend}" if backend else preset)


def program(preset="release", backend=None):
    return folder(preset, backend) / "src" / "cli" / "sinkscope"


def build(preset, cmake_options=(), target="all", backend=None):
    """One target of one preset, after setting up what it needs."""
    packages.ensure(packages.BUILD + (packages.CLANG if preset == "clang" else []))
    options = [*(gpu.cmake_options(backend) if backend else []), *cmake_options]
    for name, fetch in FETCHED.items():
        if not any(option.startswith((f"-D{name}=", f"-D{name}:")) for option in options):
            options.append(f"-D{name}={fetch() or ''}")
    name = folder(preset, backend).name
    steps.run(f"configuring {name} (the first time, this builds llama.cpp)",
              ["cmake", "--preset", preset, *(["-B", folder(preset, backend)] if backend else []), *options])
    jobs = len(os.sched_getaffinity(0))
    steps.run(f"building {name}",
              ["cmake", "--build", folder(preset, backend), "--parallel", str(jobs), "--target", target])


def ctest(preset, arguments, models, large_models=False):
    """Runs tests for the reader to see. Returns ctest's exit code."""
    # Threads that wait must not spin: beside other work that takes ten times as long.
    env = steps.environment(SINKSCOPE_MODELS=models, SINKSCOPE_LARGE_MODELS=models if large_models else None, CTEST_OUTPUT_ON_FAILURE="1", OMP_WAIT_POLICY="passive")
    # A test uses one processor.
    jobs = str(len(os.sched_getaffinity(0)))
    return steps.show(["ctest", "--test-dir", folder(preset), "--parallel", jobs, "--no-label-summary",
                       "--no-tests=error", *arguments], env=env)


def test(ctest_arguments=(), sanitizers=True, large_models=False):
    """All tests: those that need no model under the sanitizers first, then everything as released.

    large_models  those of real models that take minutes each too
    returns  0 if every one passed; the last that is printed is then ctest's own summary
    """
    packages.ensure_if_allowed(packages.CROSS, "The test that compiles the kernels for ARM will be skipped.")
    failed = []
    if sanitizers:
        build("sanitize")
        steps.say("testing sanitize: tests that need no model")
        if ctest("sanitize", ["-L", MODEL_FREE, "-LE", LONG, *ctest_arguments], models=None) != 0:
            failed.append("sanitize")
    build("release", python.test_options())
    models = cache.models(large_models)
    web.ensure()
    steps.say("testing release: every test")
    if ctest("release", ctest_arguments, models, large_models) != 0:
        failed.append("release")
    if failed:
        steps.say(f"tests failed in: {', '.join(failed)}")
    return 1 if failed else 0
