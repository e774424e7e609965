"""The model that transformers runs, and what sinkscope measures of its folder."""

import json
import os
import subprocess
import sys

import numpy
import pytest

import sinkscope as ss
from conftest import PROGRAM, TEXT

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def run(hf_model, converted):
    tokens = converted.tokenize(TEXT)
    with torch.no_grad():
        return tokens, hf_model(torch.tensor(tokens.astype(numpy.int64))[None], output_hidden_states=True,
                                output_attentions=True)


def test_the_folder_is_converted_once_and_says_so(hf_folder, converted, capfd):
    path = converted.facts.path
    assert path.endswith(".gguf") and converted.facts.n_layers == 3
    assert ss.Model(hf_folder).facts.path == path
    assert capfd.readouterr().err == "", "nothing is converted again"


def test_the_program_takes_the_folder_too(hf_folder, converted):
    env = {**os.environ, "SINKSCOPE_PYTHON": sys.executable}
    done = subprocess.run([PROGRAM, "scan", "-m", hf_folder, "-p", TEXT, "-q", "--json", "-", "--min-distance", "8",
                           "--precision", "f32", "--ctk", "f32"], capture_output=True, env=env, check=True)
    said = json.loads(done.stdout)
    assert said["sequences"][0]["sinks"] == converted.scan(TEXT).to_dict()["sinks"]


def test_the_same_text_is_the_same_tokens(hf_folder, converted):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(hf_folder, use_fast=False)(TEXT)["input_ids"]
    ours = converted.tokenize(TEXT).tolist()
    where = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), None)
    assert where is None and len(ours) == len(theirs), f"tokens differ from {where} on"


def test_states_and_scores_are_theirs(converted, run):
    tokens, theirs = run
    scan = converted.scan(tokens)
    for layer in range(2):  # the last of their states is behind the final norm
        norm = theirs.hidden_states[layer + 1][0].norm(dim=-1).numpy()
        assert numpy.allclose(scan["hidden_norm"][layer], norm, rtol=1e-4)
    n = len(tokens)
    for layer in range(3):
        sums = theirs.attentions[layer][0].sum(dim=1).numpy()  # [n_heads, n_tokens] over queries
        score = (sums / (n - numpy.arange(n))).mean(axis=0)
        assert numpy.allclose(scan["sink_score"][layer], score, atol=1e-4)


def test_losses_are_theirs(converted, run):
    tokens, theirs = run
    logs = torch.log_softmax(theirs.logits[0], dim=-1)
    loss = -logs[torch.arange(len(tokens) - 1), torch.tensor(tokens[1:].astype(numpy.int64))]
    assert numpy.allclose(converted.loss(tokens)[:-1], loss.numpy(), atol=1e-4)
