"""Texts of data sets and files, one after another."""

import collections.abc
import gzip
import json
import os

from ._errors import error


def import_ray():
    """Ray.

    throws  Error "usage" if it is not installed
    """
    try:
        import ray
    except ImportError:
        raise error("usage", "expected Ray to be installed, got none; pip install 'sinkscope[ray]'") from None
    return ray


def _rows_of_jsonl(path):
    """(line, record) of a JSONL file, packed by gzip or not."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with (gzip.open if packed else open)(path, "rb") as file:
        for line, text in enumerate(file, 1):
            if text.strip():
                try:
                    yield line, json.loads(text)
                except ValueError:
                    yield line, None


def _rows_of_dataset(dataset):
    if hasattr(dataset, "iter_rows"):  # of Ray: in the order of its blocks, each time the same
        import_ray().data.DataContext.get_current().execution_options.preserve_order = True
        rows = dataset.iter_rows()
    else:
        rows = dataset
    return enumerate(rows, 1)


def _rows(source):
    """(file, row from 1, record): of a Ray or Hugging Face data set, another iterable, or paths of JSONL and Parquet."""
    if isinstance(source, (str, os.PathLike)):
        source = [source]
    if isinstance(source, (list, tuple)) and source and all(isinstance(one, (str, os.PathLike)) for one in source):
        for path in map(os.fspath, source):
            if path.endswith(".parquet"):
                data = import_ray().data.read_parquet(path)
                yield from ((path, row, record) for row, record in _rows_of_dataset(data))
            elif path.endswith((".jsonl", ".jsonl.gz", ".ndjson")):
                yield from ((path, line, record) for line, record in _rows_of_jsonl(path))
            else:
                raise error("usage", f"'{path}': expected a .jsonl, .jsonl.gz or .parquet file, got another")
    elif hasattr(source, "iter_rows") or hasattr(source, "__iter__"):
        yield from (("", row, record) for row, record in _rows_of_dataset(source))
    else:
        raise error("usage", f"expected a data set, an iterable or paths, got a {type(source).__name__}")


def _text_of(value):
    """Plain Python of what data sets hold: arrays become lists."""
    return value.tolist() if hasattr(value, "tolist") else value


def documents(source, column, prompt_column, id_column):
    """(file, row, text, prompt, name); text None where the record has none."""
    for file, row, record in _rows(source):
        if isinstance(record, collections.abc.Mapping):
            text, prompt = _text_of(record.get(column)), _text_of(record.get(prompt_column)) if prompt_column else None
            name = record.get(id_column)
        else:
            text, prompt, name = record if isinstance(record, (str, bytes)) else None, None, None
        if isinstance(text, list) and text and isinstance(text[0], collections.abc.Mapping):
            text = [dict(message) for message in text]
        yield file, row, text, prompt, "" if name is None else str(name)
