"""What people hand over is taken for what it means, or refused in one line; never for something else."""

import array
import os
import pickle

import numpy
import pytest

import sinkscope as ss
from tiny_model import letters

TEXT = letters(200, 3)


def refused(call, says, code="usage"):
    with pytest.raises(ss.Error) as raised:
        call()
    message = str(raised.value)
    assert says in message and "\n" not in message and raised.value.code == code, message


def test_positions_are_whole_numbers_or_a_mask(scan):
    mask = scan.mask("sinks")
    for given in (mask, mask.tolist(), [0, 134], (place for place in (0, 134)), numpy.array([0, 134]), [0.0, 134.0]):
        assert ss.HideKeys(given).positions == (0, 134), type(given)
    assert ss.HideKeys([1], layers=numpy.array([False, True, True])).layers == (1, 2)
    for given in ([1.7], [-1], [True, 2], ["1"], "12", 5, None, [[1]], [2**40], numpy.eye(2, dtype=bool)):
        refused(lambda given=given: ss.HideKeys(given), "positions: expected ")
    refused(lambda: ss.HideKeys([1], layers=[1.5]), "layers: expected a whole number")
    for nothing in (lambda: ss.HideKeys([]), lambda: ss.HideKeys(scan.mask("secondary")), lambda: ss.HideKeys([1], layers=[])):
        refused(nothing, "expected at least one, got none")
    for given in (3.7, True, "3", None):
        refused(lambda given=given: ss.ReplaceRow("hook_embed", given, [1]), "position: expected a whole number")
    refused(lambda: ss.ReplaceRow("hook_embed", 3, [[1, 2]]), "row: expected numbers of one axis")
    refused(lambda: ss.ClipNorm("hook_embed", 3, "long"), "norm: expected a number")
    refused(lambda: ss.ClipNorm(5, 3, 1), "hook: expected a str")


def test_edits_are_values():
    vector = numpy.arange(3.0)
    edit = ss.AddToRow("hook_embed", 3, vector)
    assert edit == ss.AddToRow("hook_embed", 3, [0, 1, 2]) != ss.AddToRow("hook_embed", 3, [0, 1, 3])
    vector[0] = 9
    assert edit.vector == (0, 1, 2), "it is what it was when it was made"
    assert ss.HideKeys([2], layers=range(3)) in {ss.HideKeys([2], layers=[0, 1, 2])}


def test_bytes_of_any_kind_are_text(model):
    expected = model.tokenize(TEXT).tolist()
    for text in (bytearray(TEXT.encode()), memoryview(TEXT.encode()), numpy.bytes_(TEXT.encode()), numpy.str_(TEXT)):
        assert model.tokenize(text).tolist() == expected, type(text)
    for ids in (array.array("i", expected), memoryview(array.array("i", expected)), numpy.array(expected)):
        assert model.tokenize(ids).tolist() == expected, type(ids)
    refused(lambda: model.scan([1, 2**31]), "token id: expected a whole number from 0")
    refused(lambda: model.scan("abc\ud800"), "half a pair, '\\ud800', at 3", code="input")


def test_a_prompt_is_of_the_texts_sort(model):
    both = model.tokenize(ss.Document([97, 98], prompt=numpy.array([256, 65]))).tolist()
    assert both == [256, 65, 97, 98] == model.tokenize(ss.Document("ab", prompt=bytearray(b"A"))).tolist()
    for prompt in ([65, 66], 5, numpy.array([65, 66]), ["a"], True):
        refused(lambda prompt=prompt: model.tokenize(ss.Document(TEXT, prompt=prompt)), "prompt: expected a str or bytes")
    refused(lambda: model.tokenize(ss.Document([97], prompt="ab")), "prompt: expected token ids")
    refused(lambda: model.tokenize(ss.Document([{"role": "user", "content": "a"}], prompt="")), "expected no prompt")
    refused(lambda: ss.Model(model.facts.path, chat_template=5), "chat_template: expected a str")


def test_a_documents_name_may_be_a_number(model):
    assert model.scan(ss.Document(TEXT, name=numpy.int64(3))).name == "3" and ss.Document(TEXT, file=b"a", line=2).file == "a"
    for name in (3.5, None, True):
        refused(lambda name=name: ss.Document(TEXT, name=name), "name: expected a str")


def test_what_holds_texts_under_names_is_no_list_of_texts(model, scan):
    message = {"role": "user", "content": TEXT}
    for call in (model.scan, model.tokenize):
        refused(lambda call=call: call(message), "of one message make a list")
        refused(lambda call=call: call({"text": TEXT}), "of a data set give one column")
        refused(lambda call=call: call(scan), "got a Scan")
        refused(lambda call=call: call(scan.sinks), "got a Table")
    refused(lambda: model.scan([message["content"], {"text": TEXT}]), "text 1: expected a str")
    refused(lambda: model.scan([TEXT, ""]), "text 1: the text has no tokens", code="input")
    pandas = pytest.importorskip("pandas")
    refused(lambda: model.scan(pandas.DataFrame({"text": [TEXT]})), "got a DataFrame; of a data set give one column")


def test_numbers_of_numpy_in_chats(tiny):
    renders = ss.Model(tiny, chat_template="{{ messages[0].content }}{{ messages[0].n }}")
    assert renders.tokenize([{"role": "user", "content": "a", "n": numpy.int64(7)}]).tolist() == [256, 97, 55]
    refused(lambda: renders.tokenize([{"role": "user", "content": object()}]), "chat messages: expected what JSON can hold")


def test_a_file_that_is_there_is_no_text(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.gguf").write_bytes(b"x")
    refused(lambda: model.scan("tiny.gguf"), "got the name of a file")
    assert model.scan("is it tiny.gguf").n_tokens == 16


def test_one_word_is_a_list_of_one(tiny, model, scan, tmp_path):
    one = ss.Model(tiny, override_kv="llama.rope.freq_base=float:5000")
    several = ss.Model(tiny, override_kv=["llama.rope.freq_base=float:5000"])
    assert one.scan(TEXT).to_dict() == several.scan(TEXT).to_dict() != model.scan(TEXT).to_dict()
    for lora in ("none.gguf", ("none.gguf", 0.5), [("none.gguf", 0.5)], tmp_path / "none.gguf"):
        refused(lambda lora=lora: ss.Model(tiny, lora=lora), "none.gguf", code="model")
    refused(lambda: ss.Model(tiny, device="CUDA7"), "device CUDA7")
    with pytest.raises(ss.Error, match="rpc localhost:1"):
        ss.Model(tiny, rpc="localhost:1", rpc_timeout=0.5)
    assert ss.levels(scan, kinds="primary_like")["kinds"] == ["primary_like"]
    scan.save(tmp_path / "a.scan.db")
    assert ss.merge(tmp_path / "a.scan.db", tmp_path / "b.scan.db")["documents"] == 1


def test_a_path_means_the_file_that_it_meant_when_it_was_opened(tiny, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tiny.parent)
    model = ss.Model(tiny.name, ubatch_size=128)
    scan = model.scan(letters(300, 3))
    monkeypatch.chdir(tmp_path)
    scan.save("a.scan.db")
    results = ss.open(b"a.scan.db")
    monkeypatch.chdir(tmp_path / "there")
    assert len(results.under(min_far_boost=8)) == 1
    assert model.explain(results, edit_sinks=1) == results.explanation()


@pytest.mark.parametrize("call, says", [
    (lambda m: ss.Model(m, n_ctx=5), "got 'n_ctx', which there is not; the nearest is 'ctx_size'"),
    (lambda m: ss.Model(m, n_threads=1), "the nearest is 'threads'"),
    (lambda m: ss.Model(m, threads=float("inf")), "threads: expected a whole number"),
    (lambda m: ss.Model(m, threads=True), "threads: expected a whole number"),
    (lambda m: ss.Model(m, rope_freq_base="x"), "rope_freq_base: expected a number"),
    (lambda m: ss.Model(m, verbose="no"), "verbose: expected True or False"),
    (lambda m: ss.Model(m, keep=3), "keep: expected a str"),
    (lambda m: ss.Model(m, keep="all"), "keep: expected runs"),
    (lambda m: ss.Model(None), "path: expected a path, got None"),
    (lambda m: ss.open(None), "path: expected a path, got None"),
])
def test_options_say_what_was_expected(tiny, call, says):
    refused(lambda: call(os.fsencode(tiny)), says)


@pytest.mark.parametrize("call, says", [
    (lambda m, s: s[0], "array: expected a name"),
    (lambda m, s: s[:], "array: expected a name"),
    (lambda m, s: s["a", 3], "array: expected a name"),
    (lambda m, s: s.mask(None), "mask: expected a str"),
    (lambda m, s: s.array("alignment", by_head=True), "array 'alignment' by head"),
    (lambda m, s: s.sinks["knd"], "column: got 'knd', which there is not; the nearest is 'kind'"),
    (lambda m, s: s.sinks[["kind", "position"]], "column: got ['kind', 'position']"),
    (lambda m, s: s.sinks.about("knd"), "the nearest is 'kind'"),
    (lambda m, s: s.under(min_far_boost="much"), "min_far_boost: expected a number"),
    (lambda m, s: m.run_with_cache(TEXT, "blocks.L.hook_resid_post"), "blocks.0.hook_resid_post, for one"),
    (lambda m, s: m.run_with_cache(TEXT, [3]), "names: expected a str"),
    (lambda m, s: m.edit("foo"), "edit: expected HideKeys"),
    (lambda m, s: m.edit([ss.HideKeys([2])]), "one after another"),
    (lambda m, s: m.scan(TEXT, progress="yes"), "progress: expected True or a function"),
    (lambda m, s: m.scan("a" * 3000), "raise ctx_size, or cut it with --chunk (of the program)"),
    (lambda m, s: m.scan([{"role": "user", "content": "a"}]), "give one with chat_template"),
    (lambda m, s: ss.levels(s, bootstraps=-1), "bootstraps: expected a whole number"),
    (lambda m, s: ss.levels(s, min_stability=7), "min_stability: expected a number from 0 to 1"),
    (lambda m, s: ss.levels(s, separation="x"), "separation: expected a whole number"),
    (lambda m, s: ss.levels([3]), "expected scans, got a int"),
])
def test_calls_say_what_was_expected(model, scan, call, says):
    with pytest.raises(ss.Error) as raised:
        call(model, scan)
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_scans_and_tables_name_what_they_have(scan):
    assert "far_boost" in scan and "far" not in scan and 0 not in scan and list(scan) == scan.array_names
    table = scan.sinks
    assert "kind" in table and 0 not in table and list(table) == table.columns
    assert scan["first_token_share"].shape == (8,)


def test_thresholds_go_back_where_they_came_from(scan):
    known = ss.thresholds()
    assert all(len(str(one.default)) < 8 for one in known.values()), "0.9, not 0.8999999761581421"
    assert scan.under(**known).to_dict() == scan.to_dict() and known["min_far_boost"].about


def test_what_is_shown_of_small_things(model):
    seen = []
    model.scan(TEXT, progress=lambda at: seen.append(repr(at)))
    assert seen[0] == "<sinkscope.Progress 0 of 201 tokens, 0 of 1 documents, 0 sinks>"
    assert "llama" in repr(model.facts) and "8 layers" in repr(model.facts)
    assert pickle.loads(pickle.dumps(ss.HideKeys([2]))) == ss.HideKeys([2])


def test_tables_in_a_notebook_and_copies(scan):
    cell = scan.sinks._repr_html_()
    assert cell.count("<tr>") == 3 and "<th>far_boost_max</th>" in cell and "&lt;|bos|&gt;" in cell
    refused(lambda: pickle.dumps(scan), "save(path) it")
    refused(lambda: pickle.dumps(scan.sinks), "to_pandas()")


def test_a_results_file_is_closed_at_the_end_of_a_block(scan, tmp_path):
    scan.save(tmp_path / "a.scan.db")
    with ss.open(tmp_path / "a.scan.db") as results:
        read = results[0]
    assert read["far_boost"].shape == scan["far_boost"].shape and "closed" in repr(results)
    refused(lambda: results[0], "expected an open results file")
    refused(lambda: results.sinks, "expected an open results file")
