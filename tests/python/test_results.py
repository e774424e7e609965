"""Results files and tables."""

import numpy
import pytest

import sinkscope as ss
from tiny_model import letters

STEPS = (3, 5, 7, 9, 15)  # none repeats itself within a few tokens


@pytest.fixture(scope="module")
def scans(model):
    return model.scan([ss.Document(letters(300, step), name=f"step {step}") for step in STEPS])


@pytest.fixture(scope="module")
def path(folder, scans):
    path = folder / "corpus.scan.db"
    ss.save(path, scans)
    return path


def test_a_file_comes_back_as_it_was(path, scans):
    results = ss.open(path)
    assert len(results) == 5 and results.facts.n_layers == 8 and "5 texts" in repr(results)
    for read, scan in zip(results, scans):
        assert read.name == scan.name and numpy.array_equal(read.tokens, scan.tokens)
        assert read.to_dict() == scan.to_dict()
        assert read.array_names == scan.array_names
    assert results[-1].name == "step 15" and [one.name for one in results[1:3]] == ["step 5", "step 7"]
    with pytest.raises(IndexError):
        results[5]
    norm = results[0]["hidden_norm"]
    del results
    assert norm.shape == (8, 301)


def test_sinks_of_all_texts(path, scans):
    table = ss.open(path).sinks
    assert len(table) == 10 and table["sequence"].tolist() == [i for i in range(5) for _ in range(2)]
    assert list(table["id"])[::2] == [f"step {step}" for step in STEPS]
    for name in table.columns[1:]:
        alone = numpy.concatenate([scan.sinks[name] for scan in scans])
        both = [numpy.asarray(column.filled(-1) if isinstance(column, numpy.ma.MaskedArray) else column)
                for column in (table[name], numpy.ma.concatenate([scan.sinks[name] for scan in scans]))]
        assert numpy.array_equal(both[0], both[1], equal_nan=both[0].dtype == numpy.float32), name
        assert len(alone) == 10
    for strict in (ss.open(path).under(min_far_boost=1e5), ss.open(path, min_far_boost=1e5)):
        assert set(strict.sinks["kind"]) == {"unaligned"}, "no primary with which anything could be aligned"


def test_levels_as_the_program_finds_them(path, scans, program_json):
    said = program_json("levels", path, "--kinds", "primary_like", "--json", "-")["files"][0]
    for source in (ss.open(path), scans):
        found = ss.levels(source, kinds=["primary_like"])
        assert found["levels"] == said["levels"] and len(found["levels"]) == 1 and found["levels"][0]["l_start"] == 2
    assert ss.open(path).levels()["levels"] == program_json("levels", path, "--json", "-")["files"][0]["levels"] == []
    with pytest.raises(ss.Error, match="expected primary, primary_like"):
        ss.levels(scans, kinds=["tertiary"])


def test_an_explanation(folder, tiny, path, program, program_json):
    assert ss.open(path).explanation() is None
    copy = folder / "explained.scan.db"
    copy.write_bytes(path.read_bytes())
    said = program_json("explain", copy, "-m", tiny, "--kinds", "primary_like", "--json", "-")
    assert ss.open(copy).explanation() == said and said["schema"] == "sinkscope.explain/1"


def test_files_that_cannot_be_used(tmp_path, scans, tiny):
    with pytest.raises(ss.Error) as raised:
        ss.open(tmp_path / "none.scan.db")
    assert raised.value.code == "input"
    with pytest.raises(ss.Error) as raised:
        ss.save(tmp_path / "no" / "folder.scan.db", scans)
    assert raised.value.code == "output"
    ss.save(tmp_path / "a.scan.db", scans[0])
    other = ss.Model(tiny, min_distance=32).scan(letters(200, 3))
    with pytest.raises(ss.Error, match="min_distance"):
        other.save(tmp_path / "a.scan.db")
    with pytest.raises(ss.Error, match="at least one text"):
        ss.save(tmp_path / "b.scan.db", [])


def test_scans_of_several_measurements_are_put_together_nowhere(tmp_path, scans, model):
    with model.edit(ss.HideKeys([2])):
        edited = model.scan(letters(300, 3))
    path = tmp_path / "mixed.scan.db"
    for call in (lambda: ss.save(path, [*scans, edited]), lambda: ss.levels([scans[0], edited])):
        with pytest.raises(ss.Error, match="expected texts of one model, measured in one way, edits") as raised:
            call()
        assert raised.value.code == "input" and "\n" not in str(raised.value)
    assert not path.exists(), "all are looked at before the first is written"
    assert ss.levels([edited])["levels"] == []


def test_arrow_tables_are_read_by_others(path):
    nanoarrow = pytest.importorskip("nanoarrow")
    table = ss.open(path).runs
    stream = nanoarrow.ArrayStream(table)
    schema = stream.schema
    assert [field.name for field in schema.fields] == table.columns
    fields = {field.name: field for field in schema.fields}
    assert fields["position"].type == nanoarrow.Type.INT64 and fields["far_boost_max"].type == nanoarrow.Type.FLOAT
    assert fields["censored"].type == nanoarrow.Type.BOOL and fields["text"].type == nanoarrow.Type.STRING
    assert dict(fields["far_boost_max"].metadata)[b"unit"] == b"ratio"
    rows = list(stream.read_all().iter_tuples())
    assert len(rows) == len(table)
    for i, name in enumerate(table.columns):
        column = table[name]
        for k, row in enumerate(rows):
            if row[i] is None:
                assert column[k] is None or column[k] is numpy.ma.masked or numpy.isnan(column[k]), name
            else:
                assert row[i] == column[k], name
    keeps = nanoarrow.Array(table)
    del table
    assert len(keeps) == len(rows)
    ss.open(path).sinks.__arrow_c_stream__()  # that nobody reads


def test_a_data_frame(path):
    pandas = pytest.importorskip("pandas")
    table = ss.open(path).sinks
    frame = table.to_pandas()
    assert list(frame.columns) == table.columns and len(frame) == 10
    # Types do not depend on what some scan has.
    kinds = {"integer": "Int64", "flag": "boolean", "number": "float32", "text": "object"}
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        name: kinds[kind] for name, kind in table._kinds.items()}
    assert set(table._kinds.values()) == set(kinds)
    assert frame["attention_lifetime"].isna().tolist() == [True, False] * 5
    assert frame.groupby("kind")["position"].count().to_dict() == {"primary": 5, "primary_like": 5}
    assert table.about("far_boost_max") == ("ratio", "over the blocks that read the run")
    assert isinstance(frame, pandas.DataFrame)


def test_bytes_that_are_no_text(model):
    scan = model.scan(b"\xff" * 300)
    assert "\ufffd" in scan.runs["text"].tolist() + ["\ufffd"]
    assert scan.token_bytes[5] == b"\xff"


@pytest.mark.parametrize("package, to, n_rows", [("pyarrow", "to_arrow", "num_rows"), ("polars", "to_polars", "height")])
def test_other_data_frames(path, package, to, n_rows):
    pytest.importorskip(package)
    frame = getattr(ss.open(path).sinks, to)()
    assert getattr(frame, n_rows) == 10
