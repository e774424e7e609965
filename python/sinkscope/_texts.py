"""What a text may be: a str, bytes, token ids, chat messages, or a Document of them; and what only looks like one."""

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy

from . import _core
from ._errors import error, is_whole, shown, taken, whole

_BYTES = (bytes, bytearray)
_KINDS = "a str, bytes, token ids, chat messages or a Document"
_LARGEST_ID = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Document:
    """A text with more to it.

    text    a str, bytes, token ids, or chat messages
    prompt  what comes before it, of the same sort (a str or token ids); the border between them falls between two tokens
    name    by which results call it; a whole number is taken as text
    file    where it was read, and
    line    of that file, from 1: by these merge() orders documents, and skipped ones are told
    """

    text: Any
    prompt: Any = None
    name: str = ""
    file: str = ""
    line: int = 0

    def __post_init__(self):
        if is_whole(self.name):
            object.__setattr__(self, "name", str(self.name))
        if not isinstance(self.name, str):
            raise error("usage", f"name: expected a str, got {shown(self.name)}")
        with taken("file", "a path", self.file):
            object.__setattr__(self, "file", os.fsdecode(self.file))
        object.__setattr__(self, "line", whole("line", self.line, 0, 2**31 - 1))


def bytes_of(name, text):
    """The bytes of a str, bytes, or a buffer of them; None if it is none of these.

    throws  Error "input" for a str that UTF-8 cannot hold
    """
    if isinstance(text, str):
        try:
            return text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as failed:
            raise error("input", f"{name}: expected characters of Unicode, got half a pair, {text[failed.start]!a}, at "
                                 f"{failed.start}; give bytes, or text.encode(errors='replace')") from None
    if isinstance(text, _BYTES) or (isinstance(text, memoryview) and text.format in ("B", "b", "c")):
        return bytes(text)
    return None


def _token_ids(value):
    """The ids, if it is a sequence of whole numbers (a list, an array, a tensor of one axis); else None."""
    if isinstance(value, (str, *_BYTES)):
        return None
    if hasattr(value, "__array__") or isinstance(value, memoryview):
        value = numpy.asarray(value)
        if value.ndim != 1 or value.dtype.kind not in "iu":
            return None
        value = value.tolist()
    elif not (isinstance(value, Sequence) and len(value) > 0 and all(map(is_whole, value))):
        return None
    return [whole("token id", number, 0, _LARGEST_ID) for number in value]


def _is_chat(value):
    """Whether it is a list of messages, or an object that holds one, as requests to a server and records of data sets do."""
    if isinstance(value, Mapping):
        return any(name in value for name in _core.conversations)
    return (isinstance(value, Sequence) and not isinstance(value, (str, *_BYTES)) and len(value) > 0
            and all(isinstance(message, Mapping) and not _is_chat(message) for message in value))


def _plain(value):
    """What columns of pyarrow and pandas hold, as Python's own: scalars, and lists of messages."""
    if hasattr(value, "as_py"):
        return value.as_py()
    if isinstance(value, numpy.ndarray) and value.dtype == object:
        return value.tolist()
    return value


def _own(value):
    """Mappings, sequences and numbers of any kind as JSON's."""
    if isinstance(value, Mapping):
        return {name: _own(of_name) for name, of_name in value.items()}
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return _own(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, (str, *_BYTES)):
        return [_own(one) for one in value]
    return value


def _refuse_file_name(text):
    """A file that is there was meant, not its name: a word that ends as names of files do, and is one."""
    if isinstance(text, os.PathLike):
        name = os.fsdecode(text)
    elif (isinstance(text, str) and len(text) < 1000 and not any(map(str.isspace, text)) and os.path.splitext(text)[1]
          and os.path.isfile(text)):
        name = text
    else:
        return
    if name.lower().endswith(".parquet"):
        instead = f"read a column: model.scan(pandas.read_parquet({name!r})['text'])"
    else:
        instead = f"read it: model.scan(open({name!r}).read())"
    raise error("usage", f"expected a text, got the name of a file; {instead}; to scan the name, give it as bytes")


def document_of(document):
    """What the extension takes; None if it is no single document."""
    if not isinstance(document, Document):
        document = Document(_plain(document))
    _refuse_file_name(document.text)
    made = _body(document)
    if made is not None and (document.file or document.line):
        made.set_place(document.file, document.line)
    return made


def _body(document):
    text, prompt = document.text, document.prompt

    def prompt_as(kind, take):
        taken_so = None if prompt is None else take(prompt)
        if prompt is not None and taken_so is None:
            raise error("usage", f"prompt: expected {kind}, as the text is, got {shown(prompt)}")
        return taken_so

    body = bytes_of("text", text)
    if body is not None:
        before = prompt_as("a str or bytes", lambda given: bytes_of("prompt", given))
        return _core.text_document(document.name, before or b"", body)
    tokens = _token_ids(text)
    if tokens is not None:
        return _core.token_document(document.name, prompt_as("token ids", _token_ids) or [], tokens)
    if _is_chat(text):
        if prompt is not None:
            raise error("usage", "chat messages: expected no prompt, got one; make it a message")
        with taken("chat messages", "what JSON can hold", text):
            messages = json.dumps(_own(text)).encode()
        return _core.chat_document(document.name, messages)
    return None


def one_document(text):
    """throws  Error "usage" if it is not one text"""
    document = document_of(text)
    if document is None:
        raise error("usage", f"expected one text: {_KINDS}, got a {type(text).__name__}{_hint(text)}")
    return document


def _hint(value):
    """What to try with something that holds texts under names, and would be iterated by these."""
    if isinstance(value, Mapping) and "role" in value:
        return "; of one message make a list: [message]"
    if isinstance(value, Mapping) or hasattr(value, "columns"):
        return "; of a data set give one column: dataset['text']"
    return ""


def documents_of(texts):
    """(what the extension takes, whether it was one text).

    throws  Error "usage" if it is neither a text nor an iterable of texts
    """
    one = document_of(texts)
    if one is not None:
        return [one], True
    if _hint(texts) or hasattr(texts, "array_names") or not isinstance(texts, Iterable):
        raise error("usage", f"expected a text or an iterable of texts, got a {type(texts).__name__}{_hint(texts)}")
    documents = []
    for i, text in enumerate(texts):
        documents.append(document_of(text))
        if documents[-1] is None:
            raise error("usage", f"text {i}: expected {_KINDS}, got a {type(text).__name__}{_hint(text)}")
    return documents, False
