#!/usr/bin/env python3
"""Texts of two kinds as JSONL, one a line, for the table of docs/natural-sinks.md by kind of text.

    kinds_of_text.py exercises > exercises.jsonl         worked exercises, made by a fixed seed
    kinds_of_text.py code FOLDER > code.jsonl            beginnings of the C++ files of llama.cpp's source, licence lines and all

Chats and articles are made by bench/explain/chats.py and bench/encyclopedia.py.
"""

import json
import pathlib
import random
import sys

N_TEXTS = 25
# What a text begins with decides whether some models make a secondary sink of it.
OPENINGS = ["You are given a math problem.\n\nProblem: ", "Problem. ", "Exercise 3. ", "Theorem. ", "Question: ", "Hello. ", "# Homework\n\n", ""]
CODE_CHARACTERS = 1000


def exercise(rng):
    a, b, c = rng.randint(12, 98), rng.randint(3, 11), rng.randint(101, 990)
    return rng.choice([
        f"A train covers {a * b} km in {b} hours. What is its mean speed? The distance over the time is {a * b} / {b} = {a}, so the train "
        f"goes {a} km an hour. Check: {b} hours at {a} km an hour are {a * b} km, as was said.",
        f"Solve {b}x + {a} = {b * c + a}. Take {a} from both sides: {b}x = {b * c}. Divide by {b}: x = {c}. Put it in: {b} times {c} is "
        f"{b * c}, and with {a} that is {b * c + a}. So the solution is right, and there is no other, since the line rises.",
        f"A rectangle has sides of {a} cm and {b} cm. How long is its edge, and how large is it? The edge is 2 ({a} + {b}) = {2 * (a + b)} cm "
        f"long. The area is {a} times {b}, which is {a * b} square centimetres. Note that the two have different units.",
        f"How many of {c} apples are left if {b} children take {a // b} each? They take {b} times {a // b}, that is {b * (a // b)}. "
        f"Left are {c} - {b * (a // b)} = {c - b * (a // b)} apples. If one more child came, {a // b} fewer would be left.",
    ])


def exercises():
    rng = random.Random(15)
    for i in range(N_TEXTS):
        parts = [exercise(rng) for _ in range(4)]
        yield {"id": f"exercise {i}", "text": OPENINGS[i % len(OPENINGS)] + "\n\n".join(parts)}


def code(folder):
    files = sorted(path for path in (pathlib.Path(folder) / "src").rglob("*.cpp") if path.stat().st_size > 2 * CODE_CHARACTERS)
    step = len(files) / N_TEXTS
    for i in range(N_TEXTS):
        path = files[int(i * step)]
        yield {"id": path.name, "text": path.read_text()[:CODE_CHARACTERS]}


if __name__ == "__main__":
    texts = {"exercises": exercises, "code": code}[sys.argv[1]](*sys.argv[2:])
    for text in texts:
        print(json.dumps(text, ensure_ascii=False))
