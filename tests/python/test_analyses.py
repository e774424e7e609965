"""explain, ablate, protect and what goes with it: what the program finds."""

import contextlib
import json
import sqlite3

import numpy
import pytest

import sinkscope as ss
from conftest import safetensors
from tiny_model import MARK, letters


@pytest.fixture(scope="module")
def path(folder, model):
    path = folder / "again.scan.db"
    ss.save(path, model.scan([ss.Document(letters(300, step), name=f"step {step}") for step in (3, 5)]))
    return path


def copy_of(path, folder):
    copy = folder / "copy.scan.db"
    copy.write_bytes(path.read_bytes())
    return copy


def test_effects_are_those_of_the_program(model, tiny, path, tmp_path, program, program_json):
    options = ("--how", "knockout", "--how", "evict:64", "--draws", "2", "--ubatch-size", "128")
    copy = copy_of(path, tmp_path)
    said = program_json("ablate", "-m", tiny, copy, *options, "--json", "-")
    told = []
    found = model.ablate(path, how=["knockout", "evict:64"], draws=2, progress=lambda *at: told.append(at))
    assert found.to_dict() == said and said["schema"] == "sinkscope.ablate/1"
    assert told and all(len(at) == 3 for at in told)
    assert [one["verdict"] for one in found.verdicts] == ["not enough"] * 4 and "not enough" in repr(found)
    # The table of blocks is the program's CSV, cell by cell.
    header, *lines = program("export", copy, "--format", "csv", "--what", "edits").decode().split("\r\n")[:-1]
    blocks = found.blocks
    assert blocks.columns == header.split(",") and len(blocks) == len(lines) > 0
    cells = list(zip(*(line.split(",") for line in lines)))
    for name, column in zip(blocks.columns, cells):
        ours = blocks[name]
        if name == "score":
            assert [float(cell) for cell in column] == pytest.approx([float(number) for number in ours], rel=1e-6)
        elif name in ("how", "run", "id", "document"):
            assert list(column) == list(ours), name
        elif name == "draw":
            assert [cell == "" for cell in column] == ours.mask.tolist()
    effects = found.effects
    assert len(effects) == len(said["effects"])
    for name in ("difference", "q"):
        theirs = [numpy.nan if one[name] is None else one[name] for one in said["effects"]]
        assert numpy.allclose(effects[name], theirs, equal_nan=True, rtol=1e-6)
    pandas = pytest.importorskip("pandas")
    assert isinstance(effects.to_pandas(), pandas.DataFrame)


def test_sinks_that_are_named(model, scan):
    listed = {"sequences": [{"sinks": [{"position": 133, "l_start": 2, "l_end": 7}], "placebo": [[140]]}]}
    found = model.ablate(scan, sinks=listed, how="knockout", loss=False).to_dict()
    (sequence,) = found["edits"][0]["sequences"]
    assert [one["position"] for one in sequence["removed"]] == [133] and sequence["placebo"] == [[140]]
    assert scan.token_bytes[134] == MARK.encode() or scan.token_bytes[133] == MARK.encode()


def test_an_explanation(model, tiny, path, tmp_path, program_json):
    copy = copy_of(path, tmp_path)
    said = program_json("explain", "-m", tiny, copy, "--ubatch-size", "128", "--edit-sinks", "1", "--json", "-")
    results = ss.open(path)
    found = model.explain(results, edit_sinks=1)
    assert found == said and results.explanation() == found
    norm = model.explain(results, claims="norm", edit_sinks=1)
    assert norm["claims"] and len(norm["claims"]) < len(found["claims"])


def kept_effects(path):
    with contextlib.closing(sqlite3.connect(path)) as file:
        return file.execute("SELECT edit, document, data FROM edit_effects ORDER BY id").fetchall()


def test_tokens_that_a_cache_must_keep(model, tiny, path, tmp_path, program_json):
    copy = copy_of(path, tmp_path)
    said = program_json("protect", "-m", tiny, copy, "--window", "128", "--draws", "1", "--ubatch-size", "128", "--json", "-")
    measured = kept_effects(copy)
    assert measured
    assert model.protect(copy, caches="window:128", draws=1) == said
    assert kept_effects(copy) == measured, "what the program measured is taken from the file"
    assert model.protect(path, caches="window:128", draws=1) == said


def test_heads_that_need_a_whole_cache(model, tiny, path, tmp_path, program):
    copy = copy_of(path, tmp_path)
    program("protect", "-q", "-m", tiny, copy, "--window", "128", "--draws", "1", "--ubatch-size", "128", "--duo",
            tmp_path / "theirs", "--sink-size", "4", "--recent-size", "100")
    told = []
    found = model.head_reach(path, sink_size=4, recent_size=100, progress=lambda *at: told.append(at))
    assert told == [(0, 2, "heads: sequences"), (1, 2, "heads: sequences")]
    assert found.beyond.shape == (model.facts.n_layers, model.facts.n_kv_heads[0]) and found.beyond.dtype == numpy.float64
    assert (found.sink_size, found.recent_size) == (4, 100)
    assert (found.n_sequences, found.n_queries) == (2, 2 * (301 - 104))
    found.save(tmp_path / "ours")
    for name in ("config.json", "full_attention_heads.tsv"):
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()
    heads = numpy.loadtxt(tmp_path / "ours" / "full_attention_heads.tsv", delimiter="\t", ndmin=2)
    beyond = found.beyond
    del found
    assert numpy.allclose(heads, beyond, atol=1e-9) and not beyond.flags.writeable


@pytest.fixture(scope="module")
def eight(folder, model):
    path = folder / "eight.scan.db"
    ss.save(path, model.scan([ss.Document(letters(220 + step, step), name=f"step {step}") for step in range(3, 19, 2)]))
    return path


def test_a_detector(model, tiny, eight, tmp_path, program_json):
    copy = copy_of(eight, tmp_path)
    file = tmp_path / "theirs.safetensors"
    said = program_json("protect", "-m", tiny, copy, "--window", "128", "--draws", "1", "--ubatch-size", "128", "--json", "-",
                        "--detector", file)
    assert ss.open(eight).protection() is None and ss.open(copy).protection() == said
    found = model.detector(eight, caches="window:128")
    assert found.to_dict() == said["detector"] and found.kl == said["detector"]["kl"] and len(found.kl) == 1
    assert model.protect(eight, caches="window:128", draws=1, detector=True) == said == ss.open(eight).protection()
    assert (found.recall, found.precision) == (1, 1) and "each was judged by what the others chose" in found.reason
    assert found.layer >= 2 and found.axis.shape == (model.facts.d_model,) and not found.axis.flags.writeable
    # Its file is the program's, and comes back as the same rule.
    found.save(tmp_path / "ours.safetensors")
    assert (tmp_path / "ours.safetensors").read_bytes() == file.read_bytes()
    read = ss.Detector(file)
    assert (read.layer, read.ordinary_norm, read.min_norm_ratio, read.min_cosine, read.recall, read.reason, read.kl) == (
        found.layer, found.ordinary_norm, found.min_norm_ratio, found.min_cosine, 1, found.reason, [])
    assert (read.axis == found.axis).all() and read.model == model.facts.name and "recall 1.000" in repr(read)
    assert (safetensors(file)["axis"] == read.axis).all()
    # It names the sinks of another text, as the arithmetic of the docs does.
    text = letters(350, 4)
    hook = f"blocks.{read.layer}.hook_resid_post"
    h = model.run_with_cache(text, hook)[hook]
    length = (h * h).sum(-1) ** 0.5
    by_hand = (length >= read.min_norm_ratio * read.ordinary_norm) & (h @ read.axis >= read.min_cosine * length)
    assert read.names(h).tolist() == numpy.flatnonzero(by_hand).tolist() == [0, 350 // 3 + 1]
    assert read.names(h[:0]).tolist() == [] and read.names(h.astype(numpy.float64)[:1]).tolist() == [0]
    few = model.detector(eight, documents=3)
    assert few.recall is None and few.reason == "not enough: 3 documents, 8 needed" and few.kl == []
    for call, says in ((lambda: read.names(h[0]), "an array .n_tokens, d_model., got one of 1 axes"),
                       (lambda: read.names(h[:, 1:]), "expected states of"),
                       (lambda: ss.Detector(tmp_path / "none"), "none"),
                       (lambda: ss.Detector(tiny), "sinkscope.detector/1")):
        with pytest.raises(ss.Error, match=says) as raised:
            call()
        assert "\n" not in str(raised.value)


def test_what_cannot_be_asked_for(model, tiny, path, scan):
    for call, says in (
            (lambda: model.ablate(path, how="knockdown"), "knockdown"),
            (lambda: model.ablate(path, how=["unwrite", "unwrite"]), "each edit once"),
            (lambda: model.ablate(path, sinks="tertiary"), "expected one of nonprimary"),
            (lambda: model.ablate(scan, sinks={"sequences": 3}), "at least one sequence"),
            (lambda: model.explain(path, claims="nonsense"), "expected one of formation"),
            (lambda: model.explain(path, layers=[8]), "from 0 to 7, got 8"),
            (lambda: model.protect(path, caches=["q3"]), "q3"),
            (lambda: ss.Model(tiny).ablate(path), "micro-batches of 128"),
            (lambda: ss.Model(tiny).protect(path), "micro-batches of 128"),
            (lambda: ss.Model(tiny).head_reach(path, recent_size=20), "micro-batches of 128"),
            (lambda: model.head_reach(path), "a sequence of 384 tokens"),
            (lambda: model.head_reach(path, recent_size=0), "from 1 to"),
            (lambda: model.detector(path, caches=["q3"]), "q3"),
            (lambda: model.ablate([]), "at least one text")):
        with pytest.raises(ss.Error, match=says) as raised:
            call()
        assert "\n" not in str(raised.value)
    with model.edit(ss.HideKeys([0])), pytest.raises(ss.Error, match="expected no edits"):
        model.explain(path)


def test_texts_are_judged_as_what_is_given_judges_them(model, tiny, path):
    strict = {"min_far_boost": 110}  # above what the secondary has, below what the primary has
    assert len(ss.open(path).sinks) == 4 and len(ss.open(path, **strict).sinks) == 2
    other = ss.Model(tiny, ubatch_size=128, **strict)
    scan = model.scan(letters(300, 3))
    for call in (lambda: model.ablate(path, **strict), lambda: model.ablate(ss.open(path, **strict)),
                 lambda: model.ablate(ss.open(path), **strict), lambda: model.ablate(scan.under(**strict)),
                 lambda: model.ablate([ss.open(path, **strict)[0]]), lambda: other.ablate(path),
                 lambda: other.ablate(other.scan(letters(300, 3)))):
        with pytest.raises(ss.Error, match="has one; try other sinks"):
            call()
    # What says how it is judged is judged so, by any model; a keyword says more.
    for call in (lambda: other.ablate(ss.open(path), draws=1), lambda: other.ablate(scan, draws=1),
                 lambda: other.ablate(path, draws=1, min_far_boost=5),
                 lambda: model.ablate(ss.open(path, **strict), draws=1, min_far_boost=5)):
        assert call().verdicts
    with pytest.raises(ss.Error, match="judged by the same thresholds"):
        model.ablate([scan, scan.under(**strict)])
    with pytest.raises(ss.Error, match="the nearest is 'min_far_boost'"):
        model.ablate(path, min_far_bost=3)


def test_ctrl_c_between_texts(model, path):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.ablate(path, how="clip:50", progress=stop)
    assert json.dumps(model.ablate(path, how="clip:50").verdicts)
