#!/usr/bin/env bash
# Package    @huggingface/jinja 0.5.11 (Node.js 20), Jinja2 3.1.6 (Python 3.11)
# Guess      The engine that renders chat templates in browsers gives the text that Python's gives, at least for plain loops.
# Behaviour  What a pass of a loop has already written is dropped when it meets {% continue %}: "1a" stays, "2a" is gone. So a
#            template that writes a message and then continues loses the whole message, without an error. Objects whose keys look
#            like whole numbers are walked in numeric order, not in the order given, and -7 % 3 is -1, not 2.
# Matters    A transcript measured in Python and one rendered in the browser are other texts, and sinks sit on other tokens.
# Output     Python 1ab2a3ab, 10,9,b,a, 2   JavaScript 1ab3ab, 9,10,b,a, -1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet Jinja2==3.1.6
(cd "$folder" && npm install --silent --no-fund --no-audit @huggingface/jinja@0.5.11)
cat >"$folder/cases.json" <<'JSON'
["{% for i in [1, 2, 3] %}{{ i }}a{% if i == 2 %}{% continue %}{% endif %}b{% endfor %}",
 "{% for key in tools %}{{ key }},{% endfor %}", "{{ -7 % 3 }}"]
JSON
"$folder/env/bin/python" - "$folder" <<'PY' >"$folder/python.txt"
import json, sys
import jinja2
environment = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"])
for case in json.load(open(sys.argv[1] + "/cases.json")):
    print(environment.from_string(case).render(tools=json.loads('{"10": 1, "9": 2, "b": 3, "a": 4}')))
PY
cat >"$folder/render.mjs" <<'JS'
import fs from "fs";
import { Template } from "@huggingface/jinja";
for (const text of JSON.parse(fs.readFileSync("cases.json", "utf8")))
  console.log(new Template(text).render({ tools: JSON.parse('{"10": 1, "9": 2, "b": 3, "a": 4}') }));
JS
(cd "$folder" && node render.mjs) >"$folder/javascript.txt"
paste "$folder/python.txt" "$folder/javascript.txt"
diff <(printf '1ab2a3ab\n10,9,b,a,\n2\n') "$folder/python.txt"
diff <(printf '1ab3ab\n9,10,b,a,\n-1\n') "$folder/javascript.txt"
