#!/usr/bin/env python3
"""Articles of an encyclopedia as JSONL, one a line: natural texts for tables over documents.

    encyclopedia.py --wheel FILE [--articles 64] [--words 700] > articles.jsonl

They are the Wikipedia articles (CC BY-SA) that gensim's wheel carries as test data:
`pip download --no-deps gensim==4.3.3`, gensim-4.3.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl. Markup, tables,
references and templates are taken out. Of each article the first `--words` words are kept; shorter articles and lists are left out.
"""

import argparse
import bz2
import hashlib
import html
import json
import re
import xml.etree.ElementTree
import zipfile

SHA256 = "d662bf96e3d741b6ab61a54be842a7cbf5e45193008b2f4225c758cafd7f9cdc"
MEMBER = "gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"


def without_nested(text, first, last):
    """The text without what stands between two marks, which may be nested."""
    depth, kept, at = 0, [], 0
    for mark in re.finditer(f"{re.escape(first)}|{re.escape(last)}", text):
        if depth == 0:
            kept.append(text[at:mark.start()])
        depth = depth + 1 if mark.group() == first else max(depth - 1, 0)
        at = mark.end()
    return "".join(kept) + (text[at:] if depth == 0 else "")


def plain(markup):
    text = re.sub(r"<!--.*?-->", "", markup, flags=re.DOTALL)
    text = without_nested(without_nested(text, "{{", "}}"), "{|", "|}")
    text = re.sub(r"<(ref|math|gallery|timeline|nowiki|code|pre)\b[^>/]*>.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", "", text)
    for _ in range(3):  # links stand in captions of links
        text = re.sub(r"\[\[(?:File|Image|Category|[a-z-]{2,12}):[^\[\]]*\]\]", "", text)
        text = re.sub(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]", r"\1", text)
    text = re.sub(r"\[https?://[^\s\]]*\s?([^\]]*)\]", r"\1", text)
    text = html.unescape(text).replace("'''", "").replace("''", "")
    lines = [line.strip(" =") if line.startswith("=") else line.strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and line[0] not in "*#:;|!")


def articles(wheel):
    with open(wheel, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise SystemExit(f"{wheel}: expected SHA-256 {SHA256}, got {digest}")
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as packed:
        tree = xml.etree.ElementTree.parse(bz2.BZ2File(packed))
    space = tree.getroot().tag.partition("}")[0] + "}"
    for page in tree.getroot().iter(f"{space}page"):
        title, text = page.findtext(f"{space}title"), page.findtext(f"{space}revision/{space}text") or ""
        if ":" not in title and not title.startswith("List of") and not text.lower().startswith("#redirect"):
            yield title, plain(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", required=True)
    parser.add_argument("--articles", type=int, default=64)
    parser.add_argument("--words", type=int, default=700)
    options = parser.parse_args()
    written = 0
    for title, text in articles(options.wheel):
        words = list(re.finditer(r"\S+", text))
        if len(words) < options.words or written == options.articles:
            continue
        print(json.dumps({"id": title, "text": text[:words[options.words - 1].end()]}, ensure_ascii=False))
        written += 1


if __name__ == "__main__":
    main()
