"""Scans: what goes in, what comes out, and that it is what the program says."""

import csv
import gc
import inspect
import io
import json
import re
import socket

import numpy
import pytest

import sinkscope as ss
from conftest import safetensors
from tiny_model import MARK, letters


def same(a, b):
    """Bit for bit, NaN included."""
    return a.shape == b.shape and numpy.array_equal(numpy.asarray(a).view(numpy.int32), numpy.asarray(b).view(numpy.int32))


def test_what_was_found(scan):
    assert scan.n_tokens == 401 and scan.n_layers == 8 and scan.name == "letters"
    assert scan.tokens.dtype == numpy.int32 and scan.tokens[0] == 256 and bytes(scan.tokens[1:4].tolist()) == b"adg"
    assert scan.token_bytes[1] == b"a"
    assert scan.primary["position"] == 0 and scan.primary["birth_layer"] == 1 and scan.no_primary_reason == ""
    sinks = scan.sinks
    assert list(sinks["kind"]) == ["primary", "primary_like"]
    assert list(sinks["position"]) == [0, 134] and list(sinks["text"])[1] == MARK and sinks["l_start"][1] == 2
    assert "letters" in repr(scan) and "1 primary_like" in repr(scan)


def test_arrays_are_views_that_outlive_everything(tiny):
    model = ss.Model(tiny)
    scan = model.scan(letters(200, 3))
    norm = scan["hidden_norm"]
    assert norm.dtype == numpy.float32 and norm.shape == (8, 201) and not norm.flags.writeable
    assert norm.ctypes.data == scan["hidden_norm"].ctypes.data, "no copy is made"
    assert numpy.isnan(scan["far_boost"][:, -1]).all(), "not measured: no far query"
    before = norm.copy()
    tokens, sinks = scan.tokens, scan.sinks
    positions = sinks["position"]
    del model, scan, sinks
    gc.collect()
    assert same(norm, before) and len(tokens) == 201 and list(positions) == [0, 67]
    with pytest.raises(ValueError):
        norm[0, 0] = 1


def test_the_same_as_the_program(tiny, program, tmp_path):
    text = tmp_path / "letters.txt"
    text.write_text(letters(400, 3))
    arguments = ["scan", "-m", tiny, "-f", text, "--ub", "128", "-q"]
    said = program(*arguments, "--json", "-")
    program(*arguments, "--keep", "heads", "--profiles", tmp_path / "arrays.safetensors", "-o", tmp_path / "p.scan.db")
    scan = ss.Model(tiny, ubatch_size=128, keep="heads").scan(ss.Document(letters(400, 3), name="letters.txt"))
    assert scan.to_dict() == json.loads(said)["sequences"][0]
    assert scan.primary == json.loads(said)["sequences"][0]["primary"]
    arrays = safetensors(tmp_path / "arrays.safetensors")
    kept = [name for name in scan.array_names if name in arrays]
    assert len(kept) == len(scan.array_names) >= 30
    for name in kept:
        assert numpy.allclose(scan[name], arrays[name], rtol=0, atol=2**-10 * numpy.nanmax(numpy.abs(arrays[name])),
                              equal_nan=True), name
    # What results files keep of arrays is rounded; what both keep in a file is equal.
    scan.save(tmp_path / "s.scan.db")
    for name in kept:
        assert same(ss.open(tmp_path / "s.scan.db")[0][name], ss.open(tmp_path / "p.scan.db")[0][name]), name
    # CSV and table have the same columns and the same cells.
    rows = list(csv.DictReader(io.StringIO(program("export", tmp_path / "p.scan.db", "--format", "csv").decode())))
    runs = scan.runs
    assert runs.columns == list(rows[0]) and len(runs) == len(rows)
    for name in runs.columns:
        column = runs[name]
        for i, row in enumerate(rows):
            if row[name] == "":
                assert column[i] is None or column[i] is numpy.ma.masked or numpy.isnan(column[i]), name
            elif column.dtype == numpy.float32:
                assert numpy.float32(row[name]) == column[i], name
            elif column.dtype == bool:
                assert row[name] == str(column[i]).lower(), name
            else:
                assert json.loads(row[name]) == column[i] if name == "text" else row[name] == str(column[i]), name


def test_what_a_text_may_be(model, scan):
    text = letters(400, 3)
    tokens = [256, *text.encode()]
    for one in (text.encode(), tokens, tuple(tokens), numpy.array(tokens), numpy.array(tokens, dtype=numpy.uint16)):
        assert same(model.scan(one)["far_boost"], scan["far_boost"]), type(one)
    many = model.scan([text, tokens, ss.Document(letters(150, 5), name="b")])
    assert [one.name for one in many] == ["", "", "b"]
    assert all(same(one["far_boost"], scan["far_boost"]) for one in many[:2])
    assert len(model.scan(letters(150, step) for step in (3, 5))) == 2
    assert model.scan([]) == []
    prompted = model.scan(ss.Document("bcd" * 50, prompt="abc"))
    assert prompted.prompt_tokens == 4 and prompted.n_tokens == 154
    assert list(model.tokenize("ab")) == [256, 97, 98]
    assert same(model.scan("\udcff" * 70)["hidden_norm"], model.scan(b"\xff" * 70)["hidden_norm"])


@pytest.mark.parametrize("wrong", [3, None, [3.5], [["a", 3]], [None]])
def test_what_a_text_may_not_be(model, wrong):
    with pytest.raises(ss.Error) as raised:
        model.scan(wrong)
    assert raised.value.code == "usage" and "\n" not in str(raised.value)


def test_chats_are_rendered_by_the_template(tmp_path, tiny, model):
    messages = [{"role": "user", "content": "How are fractions added?"}]
    with pytest.raises(ss.Error, match="template") as raised:
        model.scan(messages)
    assert raised.value.code == "model"
    with pytest.raises(ss.Error) as raised:
        model.scan([{"content": "no role"}])
    assert raised.value.code == "input"


class Scalar:
    """As pyarrow's columns hold values."""

    def __init__(self, value):
        self.value = value

    def as_py(self):
        return self.value


def test_columns_of_data_sets(model, tmp_path):
    pandas = pytest.importorskip("pandas")
    texts = [letters(200, 3), letters(210, 5)]
    scans = [scan.to_dict() for scan in model.scan(texts)]

    def same_as(column):
        return [scan.to_dict() for scan in model.scan(column)] == scans

    frame = pandas.DataFrame({"text": texts, "ids": [model.tokenize(text) for text in texts]})
    assert same_as(frame["text"]) and same_as(frame["text"].to_numpy()) and same_as(frame["ids"])
    assert same_as(row["text"] for row in frame.to_dict("records")) and same_as(Scalar(text) for text in texts)
    chats = ss.Model(model.facts.path, ubatch_size=128, chat_template="{% for m in messages %}{{ m.content }}{% endfor %}")
    column = [numpy.array([{"role": "user", "content": text}], dtype=object) for text in texts]  # as of Parquet
    assert [scan.n_tokens for scan in chats.scan(iter(column))] == [201, 211]
    tools = [{"type": "function", "function": {"name": "sum", "parameters": numpy.array([], dtype=object)}}]
    shown = ss.Model(model.facts.path, chat_template="{{ messages[0].content }}{{ tools[0].function.name }}")
    record = {"id": 7, "messages": column[0], "tools": tools}
    assert shown.tokenize(record).tolist() == model.tokenize(texts[0] + "sum").tolist()
    assert [scan.n_tokens for scan in shown.scan([record, record])] == [204, 204]
    with pytest.raises(ss.Error, match="text 0: .*got a dict; of a data set give one column") as raised:
        model.scan(iter(frame.to_dict("records")))
    assert raised.value.code == "usage"


@pytest.mark.parametrize("name, says", [("corpus.parquet", "pandas.read_parquet"), ("text.TXT", "open(")])
def test_the_name_of_a_file_is_no_text(model, tmp_path, monkeypatch, name, says):
    monkeypatch.chdir(tmp_path)
    assert model.scan(name).n_tokens == 1 + len(name), "there is no such file"
    (tmp_path / name).write_bytes(b"PAR1")
    for text in (name, tmp_path / name, [name], iter([tmp_path / name]), ss.Document(name)):
        with pytest.raises(ss.Error, match="expected a text, got the name of a file") as raised:
            model.scan(text)
        assert raised.value.code == "usage" and says in str(raised.value) and "\n" not in str(raised.value)
    assert model.scan(name.encode()).n_tokens == 1 + len(name)


def test_notes_say_what_to_know_of_a_scan(tiny, model, scan, tmp_path, program):
    template = ("{% for m in messages %}{% if m.role == 'user' %}[{{ m.content }}]{% continue %}{% endif %}"
                "{{ m.content }}{% endfor %}")
    chats = [[{"role": role, "content": letters(80, 3)}] for role in ("user", "assistant")]
    renders = ss.Model(tiny, chat_template=template)
    assert renders.notes == model.notes == scan.notes == []
    scans = renders.scan(chats)
    assert [one.n_tokens for one in scans] == [1 + 82, 1 + 80]
    differs = "chat template: 1 of 2 conversations are rendered as Python's Jinja renders them"
    for one, n_tokens in zip(scans, (83, 81)):
        ours, short = one.notes
        assert ours.startswith(differs)
        assert short == f"1 of 1 text is too short to be judged: expected 128 tokens or more, got {n_tokens}"
    # They are those of the program, on standard error, in its JSON and in files.
    (tmp_path / "t.jinja").write_text(template)
    (tmp_path / "c.jsonl").write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats))
    said = program("scan", "-m", tiny, "--jsonl", tmp_path / "c.jsonl", "--chat", "--chat-template", tmp_path / "t.jinja", "-q",
                   "-o", tmp_path / "theirs.db", "--json", "-", code=5)
    assert json.loads(said)["model"]["notes"] == [scans[0].notes[0]] == ss.open(tmp_path / "theirs.db").notes
    ss.save(tmp_path / "ours.db", scans)
    assert ss.open(tmp_path / "ours.db").notes == [scans[0].notes[0]]
    assert ss.open(tmp_path / "ours.db")[1].notes == scans[1].notes
    ss.save(tmp_path / "both.db", [*renders.scan([letters(300, 3), letters(300, 5)]), *scans])
    assert ss.open(tmp_path / "both.db").notes == [scans[0].notes[0]], "also if other texts come first"
    beyond = ss.Model(tiny, ctx_size=2100).scan("ab" * 1030)
    assert beyond.notes == ["the model was trained on up to 2048 tokens; figures beyond say little"]


def test_masks(scan):
    assert numpy.flatnonzero(scan.mask("sinks")).tolist() == [0, 134]
    assert numpy.flatnonzero(scan.mask("primary")).tolist() == [0]
    assert numpy.flatnonzero(scan.mask("primary_like")).tolist() == [134]
    assert not scan.mask("secondary").any() and scan.mask("eligible").sum() == 273
    assert scan.mask().dtype == bool and scan.mask().shape == (401,)
    with pytest.raises(ss.Error, match="expected sinks, primary"):
        scan.mask("sink")


def test_other_thresholds_without_the_model(scan, tiny):
    strict = scan.under(min_far_boost=1e5)
    assert strict.primary is None and "primary" in strict.no_primary_reason
    assert len(scan.sinks) == 2, "it is a copy that is judged again"
    with pytest.raises(ss.Error, match="the nearest is 'min_alignment'"):
        scan.under(min_aligment=0.5)
    with pytest.raises(ss.Error, match="expected a number from -1 to 1, got 2"):
        scan.under(min_alignment=2)
    with pytest.raises(ss.Error, match="whole number"):
        scan.under(min_layers=1.5)
    with pytest.raises(ss.Error, match="scan again with that threshold"):
        scan.under(min_alignment=0.1)
    loose = ss.Model(tiny, min_alignment=0.1).scan(letters(200, 3))
    assert loose.under(min_alignment=0.2).primary["position"] == 0
    assert ss.thresholds()["min_layers"][:3] == (2, 1, 1000)


def test_heads(tiny):
    scan = ss.Model(tiny, keep="heads").scan(letters(300, 3))
    by_head = scan.array("sink_score", by_head=True)
    assert by_head.shape == (8, 4, 301)
    assert numpy.allclose(by_head.mean(axis=1), scan["sink_score"], atol=1e-6, equal_nan=True)
    with pytest.raises(ss.Error, match="by head: expected one that was kept so; there are: none"):
        ss.Model(tiny).scan(letters(100, 3)).array("sink_score", by_head=True)
    assert ss.Model(tiny, keep="runs").scan(letters(100, 3)).array_names == []


def test_facts(model):
    facts = model.facts
    assert (facts.arch, facts.n_layers, facts.d_model, facts.n_heads) == ("llama", 8, 64, [4] * 8)
    assert facts.bos == 256 and not facts.has_chat_template and model.max_tokens == 2048
    assert model.precision and "llama" in repr(model)


def test_a_model_as_it_is_deployed(tiny, program_json, tmp_path):
    text = tmp_path / "letters.txt"
    text.write_text(letters(300, 3))
    said = program_json("scan", "-m", tiny, "-f", text, "-q", "--json", "-", "--rope-freq-scale", "0.5", "--ctk", "f32",
                        "--override-kv", "llama.rope.freq_base=float:5000")
    model = ss.Model(tiny, rope_freq_scale=0.5, cache_type_k="f32", override_kv=["llama.rope.freq_base=float:5000"])
    scan = model.scan(ss.Document(letters(300, 3), name="letters.txt"))
    assert scan.to_dict() == said["sequences"][0]
    assert scan.to_dict() != ss.Model(tiny).scan(ss.Document(letters(300, 3), name="letters.txt")).to_dict()
    with pytest.raises(ss.Error):
        ss.Model(tiny, lora=[(tmp_path / "none.gguf", 0.5)])


def test_every_option_of_the_program_that_is_of_the_model_is_a_keyword(program):
    names, group = set(), ""
    for line in (program("scan", "--help") + program("scan", "--help-all")).decode().splitlines():
        group = line if line[:1].isalpha() else group
        if group in ("Model:", "Model, in detail:") and (found := re.match(r" {2,6}(?:-\w+, )?--([a-z][a-z-]+)", line)):
            names.add(found[1].replace("-", "_"))
    assert len(names) > 20 and {"model", "rpc_timeout", "lora", "parallel"} < names
    # The model itself is the first argument.
    assert names - {"model"} - set(inspect.signature(ss.Model.__init__).parameters) == set()


def test_a_server_that_never_answers(tiny):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = "127.0.0.1:{}".format(silent.getsockname()[1])
        with pytest.raises(ss.Error, match=f"^rpc {address}.* none in 0.5 s") as raised:
            ss.Model(tiny, rpc=[address], rpc_timeout=0.5)
    assert raised.value.code == "model"


def test_rope_scale_is_the_inverse_of_rope_freq_scale(tiny):
    text = letters(200, 3)
    by_scale, by_frequency = ss.Model(tiny, rope_scale=4), ss.Model(tiny, rope_freq_scale=0.25)
    assert by_scale.scan(text).to_dict() == by_frequency.scan(text).to_dict() != ss.Model(tiny).scan(text).to_dict()


@pytest.mark.parametrize("code, options", [
    ("usage", {"rpc_timeout": 0}), ("usage", {"rpc_timeout": "long"}), ("usage", {"rope_scale": 0}),
    ("usage", {"rope_scale": 2, "rope_freq_scale": 0.5}), ("usage", {"precision": "f31"}), ("usage", {"ubatch_size": 0}), ("usage", {"keep": "all"}),
    ("usage", {"bos": "yes"}), ("usage", {"cache_type_k": "q8"}), ("usage", {"threads": 1.5}),
    ("usage", {"min_far": 3}), ("usage", {"min_alignment": "much"})])
def test_options_that_cannot_be_had(tiny, code, options):
    with pytest.raises(ss.Error) as raised:
        ss.Model(tiny, **options)
    assert raised.value.code == code and "\n" not in str(raised.value)


def test_models_that_cannot_be_opened(tmp_path):
    for path in (tmp_path / "none.gguf", tmp_path):
        with pytest.raises(ss.Error) as raised:
            ss.Model(path)
        assert raised.value.code == "model", path
