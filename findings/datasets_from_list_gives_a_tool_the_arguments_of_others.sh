#!/usr/bin/env bash
# Package    datasets 5.2.0 (pyarrow 26.0.1), Jinja2 3.1.6, Python 3.11
# Guess      A data set of conversations holds the messages that it was made of, whichever way they came in; if anything is filled in,
#            both ways fill it in.
# Behaviour  load_dataset("json") keeps each message as it stands (a Json feature). Dataset.from_list of the same rows unites all
#            messages into one struct: every message has tool_calls (null), and a call of one tool has the argument names of all other
#            tools, as null. A chat template that writes arguments by `tojson`, or asks `'tool_calls' in message`, renders another text.
# Matters    What a model is trained on or measured with then depends on how the rows were loaded. The more tools, the more nulls.
# Output     json: {"a": 1, "b": 2} plain    from_list: {"a": 1, "b": 2, "city": null} calls
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet datasets==5.2.0 pyarrow==26.0.1 jinja2==3.1.6
cd "$folder"
HF_HUB_OFFLINE=1 "$folder/env/bin/python" - <<'PYTHON'
import json

import datasets
import jinja2

datasets.disable_progress_bars()


def call(name, **arguments):
    return {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}]}


rows = [{"messages": [{"role": "user", "content": "Good morning."}, call("sum", a=1, b=2)]},
        {"messages": [{"role": "user", "content": "Good evening."}, call("weather", city="Bern")]}]
with open("rows.jsonl", "w") as file:
    file.writelines(json.dumps(row) + "\n" for row in rows)

template = jinja2.Template("{{ messages[1].tool_calls[0].function.arguments | tojson }} "
                           "{% if 'tool_calls' in messages[0] %}calls{% else %}plain{% endif %}")
loaded = datasets.load_dataset("json", data_files="rows.jsonl", split="train", cache_dir="cache")[0]
listed = datasets.Dataset.from_list(rows)[0]
print("json:", template.render(loaded), "   from_list:", template.render(listed))
assert template.render(loaded) == '{"a": 1, "b": 2} plain'
assert template.render(listed) == '{"a": 1, "b": 2, "city": null} calls'
PYTHON
