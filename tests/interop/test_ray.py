"""Jobs on a real local cluster of two nodes: the results of one machine, also when a node is killed."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest

import sinkscope as ss
from conftest import PROGRAM
from sinkscope import _parts
from tiny_model import letters, make_tiny

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")
from ray.cluster_utils import Cluster  # noqa: E402

N_TEXTS = 40
RECORDS = [{"id": f"text {i}", "text": letters(120 + 10 * (i % 9), 1 + i % 25)} for i in range(N_TEXTS)]


def export(path):
    """All that a results file says, as bytes: JSON of every run."""
    return subprocess.run([PROGRAM, "export", path, "--format", "json"], check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("ray")


@pytest.fixture(scope="module")
def tiny(place):
    return make_tiny(PROGRAM, place / "tiny.gguf")


@pytest.fixture(scope="module")
def corpus(place):
    path = place / "corpus.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def alone(place, tiny, corpus):
    """What one machine finds: the program's own scan of the same file, merged, which orders it."""
    path, merged = place / "alone.scan.db", place / "alone-merged.scan.db"
    subprocess.run([PROGRAM, "scan", "-m", tiny, "--jsonl", corpus, "-o", path, "-q"], check=True, capture_output=True)
    ss.merge([path], merged)
    return export(merged)


@pytest.fixture(scope="module")
def cluster():
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.second = made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_file_on_two_nodes(cluster, place, tiny, corpus, alone):
    told = []
    done = ss.ray.scan(corpus, tiny, place / "two.scan.db", concurrency=2, documents_per_part=3,
                       progress=lambda *at: told.append(at))
    assert export(done.path) == alone
    assert (done.documents, done.skipped, done.redone, done.resumed) == (N_TEXTS, [], 0, 0)
    assert len(told) == 14 and not os.path.exists(done.path + ".parts")
    with pytest.raises(ss.Error, match="choose another"):
        ss.ray.scan(corpus, tiny, done.path)


def test_a_node_is_killed_in_the_middle(cluster, place, tiny, corpus, alone):
    killed = threading.Event()

    def kill(parts, _):
        if parts >= 4 and not killed.is_set():
            killed.set()
            cluster.remove_node(cluster.second, allow_graceful=False)

    done = ss.ray.scan(corpus, tiny, place / "killed.scan.db", concurrency=2, documents_per_part=2, progress=kill)
    cluster.second = cluster.add_node(num_cpus=1)
    assert killed.is_set() and export(done.path) == alone


def test_an_actor_is_killed(cluster, place, tiny, corpus, alone, monkeypatch):
    began = []
    make = ss.ray._Pool._start

    def start(pool):
        make(pool)
        began.append(list(pool._starting.values())[-1])

    monkeypatch.setattr(ss.ray._Pool, "_start", start)
    done = ss.ray.scan(corpus, tiny, place / "actor.scan.db", concurrency=1, documents_per_part=4,
                       progress=lambda parts, _: ray.kill(began[0]) if parts == 3 else None)
    assert len(began) == 2 and done.redone >= 1 and export(done.path) == alone


def test_a_job_that_was_stopped_goes_on(cluster, place, tiny, corpus, alone):
    def stop(parts, _):
        if parts == 5:
            raise KeyboardInterrupt

    target = place / "resumed.scan.db"
    with pytest.raises(KeyboardInterrupt):
        ss.ray.scan(corpus, tiny, target, concurrency=1, documents_per_part=4, progress=stop)
    parts = sorted(pathlib.Path(f"{target}.parts").glob("*.json"))
    assert len(parts) == 5
    before = {path: path.stat().st_mtime_ns for path in parts}
    with pytest.raises(KeyboardInterrupt):  # other options: nothing of it counts
        ss.ray.scan(corpus, tiny, target, concurrency=1, documents_per_part=4, min_distance=32,
                    parts=f"{target}.others", progress=stop)
    done = ss.ray.scan(corpus, tiny, target, concurrency=1, documents_per_part=4, parts=f"{target}.parts")
    assert done.resumed == 5 and export(done.path) == alone
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_data_sets_and_parquet(cluster, place, tiny, monkeypatch):
    monkeypatch.setattr(_parts, "FAN_IN", 2)  # a tree of several levels
    model = ss.Model(tiny, keep="runs")
    here = place / "here.scan.db"
    ss.save(here, [model.scan(ss.Document(record["text"], name=record["id"], line=row))
                   for row, record in enumerate(RECORDS, 1)])
    ss.merge([here], place / "here-merged.scan.db")
    expected = export(place / "here-merged.scan.db")
    data = ray.data.from_items(RECORDS, override_num_blocks=4)
    done = ss.ray.scan(data, tiny, place / "set.scan.db", concurrency=2, documents_per_part=6)
    assert export(done.path) == expected
    done = ss.ray.scan(iter(RECORDS), tiny, place / "iterable.scan.db", concurrency=2, documents_per_part=6)
    assert export(done.path) == expected
    ray.data.from_items(RECORDS, override_num_blocks=1).write_parquet(str(place / "parquet"))
    files = sorted(str(path) for path in (place / "parquet").glob("*.parquet"))
    done = ss.ray.scan(files, tiny, place / "parquet.scan.db", concurrency=1)
    assert export(done.path) == expected


def test_what_cannot_be_scanned(cluster, place, tiny):
    records = [{"text": ""}, {"text": "abc" * 50}, {"other": 1}, {"text": "a" * 5000}]
    done = ss.ray.scan(records, tiny, place / "skipped.scan.db", concurrency=1)
    assert done.documents == 1 and [row for row, _ in done.skipped] == [1, 3, 4]
    with pytest.raises(ss.Error, match="at least one text"):
        ss.ray.scan(records[:1], tiny, place / "none.scan.db")
    with pytest.raises(ss.Error) as raised:
        ss.ray.scan(records, place / "none.gguf", place / "no-model.scan.db", concurrency=1)
    assert raised.value.code == "model"
    with pytest.raises(ss.Error, match="the nearest is 'min_far_boost'"):
        ss.ray.scan(records, tiny, place / "no-option.scan.db", concurrency=1, min_far_bost=3)


def test_the_command(place, tiny, corpus, alone):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "sinkscope.ray", corpus, "-m", tiny, "-o", place / "command.scan.db",
                           "--concurrency", "1", "--documents-per-part", "16", "--set", "min_distance=64"],
                          capture_output=True, text=True, env=env, check=False, cwd=place)
    assert done.returncode == 0, done.stderr
    assert f"{N_TEXTS} documents" in done.stdout and export(place / "command.scan.db") == alone
    print(f"{time.monotonic() - started:.0f} s")
