"""Corpora as they come: packed, as an array, with numbers that JSON does not have, as conversations, in other formats."""

import gzip
import json

import harness
from harness import TEXT


def line(value):
    return json.dumps(value).encode() + b"\n"


class Corpora(harness.ProgramTest):
    def tokens_of(self, name, *more, **options):
        found = self.scan("--jsonl", name, "--json", "-", *more, **options).json()
        return [sequence["n_tokens"] for sequence in found["sequences"]]

    def test_each_form_is_read(self):
        n = len(TEXT) + 1
        for name, content, expected in [
                ("plain.jsonl", line({"text": TEXT}), [n]),
                ("nan.jsonl", b'{"text": ' + json.dumps(TEXT).encode() + b', "score": NaN}\n', [n]),
                ("array.json", json.dumps([{"text": TEXT}, {"text": TEXT[::-1]}], indent=1).encode(), [n, n]),
                ("array.jsonl", json.dumps([{"text": TEXT}]).encode(), [n]),
                ("packed.jsonl.gz", gzip.compress(line({"text": TEXT})), [n]),
                ("renamed.jsonl", gzip.compress(line({"text": TEXT})), [n]),
                # gzip files may be joined, as cat does it.
                ("joined.gz", gzip.compress(line({"text": TEXT})) + gzip.compress(line({"text": TEXT + "!"})), [n, n + 1]),
                ("array.json.gz", gzip.compress(json.dumps([{"text": TEXT}]).encode()), [n])]:
            with self.subTest(name=name):
                self.file(name, content)
                self.assertEqual(self.tokens_of(name), expected)
        self.assertEqual(self.tokens_of("-", stdin=gzip.compress(line({"text": TEXT}))), [n])
        self.file("text.gz", gzip.compress(TEXT.encode()))
        self.assertEqual(self.scan("-f", "text.gz", "--json", "-").json()["sequences"][0]["n_tokens"], n)

    def test_packed_files_that_are_damaged(self):
        packed = gzip.compress("".join(f'{{"text": "{i} {TEXT}"}}\n' for i in range(200)).encode())
        self.file("cut.jsonl.gz", packed[:-20])
        self.fails(3, ["'cut.jsonl.gz'", "cut off"], "scan", "-m", self.tiny, "--jsonl", "cut.jsonl.gz")
        self.file("bad.jsonl.gz", packed[:100] + bytes(100) + packed[200:])
        self.fails(3, ["'bad.jsonl.gz'", "damaged"], "scan", "-m", self.tiny, "--jsonl", "bad.jsonl.gz")

    def test_what_is_not_read_is_named_with_the_command_that_converts_it(self):
        for name, content, expected in [
                ("c.parquet", b"PAR1" + bytes(100), ["a Parquet file", "to_json('corpus.jsonl'", "p.ParquetFile('c.parquet')"]),
                ("c.arrow", b"ARROW1\0\0" + bytes(100), "an Arrow file"),
                ("c.jsonl.zst", b"\x28\xb5\x2f\xfd" + bytes(100), ["Zstandard", "zstd -dc 'c.jsonl.zst' |"]),
                ("c.jsonl.xz", b"\xfd7zXZ\0" + bytes(100), "xz -dc"),
                ("c.jsonl.bz2", b"BZh9" + bytes(100), "bzip2 -dc"),
                ("c.zip", b"PK\x03\x04" + bytes(100), "unzip -p"),
                ("c.gguf", self.tiny.read_bytes(), ["'c.gguf' is a GGUF model", "given by -m"]),
                ("c.safetensors", b"\x40\0\0\0\0\0\0\0{\"a\": 1}" + bytes(100), "'c.safetensors' is a safetensors file"),
                ("c.db", b"SQLite format 3\0" + bytes(100), ["an SQLite file", "sinkscope show"]),
                ("c.pdf", b"%PDF-1.7\n" + bytes(100), "a PDF")]:
            self.file(name, content)
            for option in ("--jsonl", "-f", "--tokens"):
                with self.subTest(name=name, option=option):
                    self.fails(3, expected, "scan", "-m", self.tiny, option, name)

    def test_a_text_about_a_format_is_a_text(self):
        for i, text in enumerate(("GGUF is a format of files. ", "{12345 PK ")):
            self.scan("-f", self.file(f"{i}.txt", text + TEXT))

    def test_a_conversation_that_the_template_refuses_is_skipped(self):
        self.file("strict.jinja", "{% if messages[0].role != 'user' %}{{ raise_exception('the user first') }}{% endif %}"
                                  "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}")
        conversations = [{"messages": [{"role": role, "content": TEXT}]} for role in ("user", "system", "user")]
        self.file("chats.jsonl", b"".join(line(conversation) for conversation in conversations))
        chat = ["scan", "-m", self.tiny, "--chat", "--chat-template", "strict.jinja"]
        result = self.ok(*chat, "--jsonl", "chats.jsonl", code=5)
        self.assertIn("skipped line 2 of 'chats.jsonl': chat template: these messages are refused: ", result.err)
        self.assertIn("the user first", result.err)
        self.file("one.json", json.dumps([{"role": "system", "content": TEXT}]))
        self.fails(4, "the user first", *chat, "-f", "one.json")
        for name, content, got in [("none.json", "[]", "got an array with nothing in it"),
                                   ("two.json", '[{"role": "user", "content": "a"}, {"role": "user"}]',
                                    "got something else as its message 2")]:
            self.file(name, content)
            self.fails(3, got, *chat, "-f", name)
        self.file("none.jsonl", line({"messages": []}) + line({"messages": {"a": 1}}))
        result = self.fails(3, "no document", *chat, "--jsonl", "none.jsonl")
        self.assertIn("got an array with nothing in it", result.err)
        self.assertIn("got a JSON object", result.err)
        self.file("broken.jinja", "{% for %}")
        self.fails(4, "can be parsed", "scan", "-m", self.tiny, "--chat", "--chat-template", "broken.jinja", "--jsonl",
                   "chats.jsonl")
        self.file("long.jinja", "x" * 65537)
        self.fails(4, ["65536 at most, got 65537", "--chat-template"], "scan", "-m", self.tiny, "--chat",
                   "--chat-template", "long.jinja", "--jsonl", "chats.jsonl")

    def test_members_that_were_found_are_named(self):
        self.file("question.jsonl", line({"question": TEXT, "answer": TEXT}))
        result = self.fails(3, "no document", "scan", "-m", self.tiny, "--jsonl", "question.jsonl")
        self.assertIn('no member "text"; it has "question", "answer": --field names the one to read', result.err)
        self.file("sharegpt.jsonl", line({"conversations": [{"from": "human", "value": TEXT}]}))
        result = self.fails(3, "no document", "scan", "-m", self.tiny, "--jsonl", "sharegpt.jsonl")
        self.assertIn("--chat", result.err)


if __name__ == "__main__":
    harness.main()
