"""Threads, forks, Ctrl-C, progress."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numpy
import pytest

import sinkscope as ss
from tiny_model import letters

TEXT = letters(1500, 3)


def test_two_models_in_two_threads(tiny):
    alone = ss.Model(tiny).scan(TEXT)
    found = [None, None]

    def work(i):
        found[i] = ss.Model(tiny).scan(TEXT)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for scan in found:
        for name in alone.array_names:
            assert numpy.array_equal(scan[name], alone[name], equal_nan=True), name


def test_one_model_in_two_threads_takes_turns(model):
    alone = model.scan(TEXT)
    found = []
    threads = [threading.Thread(target=lambda: found.append(model.scan(TEXT))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert all(numpy.array_equal(scan["far_boost"], alone["far_boost"], equal_nan=True) for scan in found)


def test_other_threads_go_on_meanwhile(model):
    counted, done = 0, threading.Event()

    def count():
        nonlocal counted
        while not done.is_set():
            counted += 1
            time.sleep(0)

    thread = threading.Thread(target=count)
    thread.start()
    seen = []
    model.scan(TEXT, progress=lambda _: seen.append(counted))
    done.set()
    thread.join()
    assert len(seen) >= 12 and seen[-1] > seen[0]


def test_progress(model):
    seen = []
    model.scan([TEXT, letters(200, 5)], progress=lambda at: seen.append((at.tokens_done, at.documents_done)))
    assert seen[0] == (0, 0) and seen[-1] == (1501 + 201, 2) and seen == sorted(seen)

    def fails(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.scan(TEXT, progress=fails)
    assert model.scan(TEXT).primary["position"] == 0, "a model can be used after an error"


def test_a_bar_of_tqdm(model):
    try:
        import tqdm  # noqa: F401
    except ImportError:
        with pytest.raises(ss.Error, match="pip install tqdm"):
            model.scan(TEXT, progress=True)
    else:
        assert model.scan(TEXT, progress=True).n_tokens == 1501


@pytest.fixture
def ctrl_c():
    """Python's own handler, which a shell takes away from what it starts in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_stops_at_the_next_micro_batch(model, ctrl_c):
    seen = []

    def interrupt(at):
        seen.append(at.tokens_done)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        model.scan(TEXT, progress=interrupt)
    assert len(seen) == 3, "it stopped before the next micro-batch"
    assert model.scan(TEXT).n_tokens == 1501


def _scan_in_child(path, queue):
    try:
        queue.put(ss.Model(path).scan(TEXT).n_tokens)
    except ss.Error as error:
        queue.put(error.code + ": " + str(error))


def _answer(method, path):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_scan_in_child, args=(path, queue))
    child.start()
    answer = queue.get(timeout=100)
    child.join()
    return answer


def test_a_child_forked_after_a_model_was_open_says_so(model):
    assert "fork first" in _answer("fork", model.facts.path)


def _run_in_child(run, queue):
    try:
        queue.put(str(run()))
    except ss.Error as error:
        queue.put(error.code + ": " + str(error))


@pytest.mark.parametrize("call", ["scan", "tokenize", "loss", "explain", "ablate", "protect", "detector", "head_reach"])
def test_nothing_that_runs_begins_in_a_child(tiny, call):
    model = ss.Model(tiny, threads=2)
    given = TEXT if call in ("scan", "tokenize", "loss") else model.scan(TEXT)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_run_in_child, args=(lambda: getattr(model, call)(given), queue))
    child.start()
    child.join(timeout=60)
    is_over = child.exitcode is not None
    child.kill()
    assert is_over and "fork first" in queue.get()


def test_a_run_within_a_run_is_refused(model):
    for within in (lambda: model.scan(TEXT), lambda: model.tokenize(TEXT), lambda: model.ablate(model.scan(TEXT))):
        def run(_, within=within):
            within()

        with pytest.raises(ss.Error, match="no run of it within another"):
            model.scan(TEXT, progress=run)
    other = ss.Model(model.facts.path)
    seen = []
    model.scan(TEXT, progress=lambda _: seen.append(other.scan("abc" * 30).n_tokens))
    assert seen and set(seen) == {91}
    assert model.scan(TEXT).n_tokens == 1501, "the model can be used again"


FORK_FIRST = """
import os, sys
import sinkscope as ss
child = os.fork()
n = ss.Model(sys.argv[1]).scan("abc" * 300).n_tokens
if child:
    _, status = os.waitpid(child, 0)
    sys.exit(0 if status == 0 and n == 901 else 1)
"""


def test_fork_first_and_open_models_in_both(tiny):
    done = subprocess.run([sys.executable, "-c", FORK_FIRST, tiny], check=False, timeout=200)
    assert done.returncode == 0


def test_errors_travel_between_processes():
    import pickle

    try:
        ss.open("nowhere.scan.db")
    except ss.Error as error:
        copy = pickle.loads(pickle.dumps(error))
        assert copy.code == "input" and str(copy) == str(error)
