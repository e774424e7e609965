#!/usr/bin/env bash
# Package    the Jinja engine of llama.cpp (common/jinja, as in the archive of llama-cpp-python 0.3.36), Jinja2 3.1.6 (Python 3.11)
# Guess      llama.cpp's server gives a model the text that transformers gives it, if the chat template is the same.
# Behaviour  A block's output is dropped when it meets {% continue %} or {% break %}: a template that writes a message within
#            {% if %} and continues loses the message. What a pass of a loop sets is still set in the next one. None, lists and
#            objects are written as nothing, or item after item. Strings are bytes, "abc"[-1] is nothing, -7 % 3 is -1. Nothing
#            of it is an error.
# Matters    Of the 70 templates that llama.cpp ships with seven conversations each, Python renders 406 of 490; llama.cpp gives
#            the same text for 343 of them. Sinks sit on other tokens in the other 63.
# Output     Python n1m2n3 [a][][] ['x'] 3 2    llama.cpp n1n3 [a][a][a] x 5 -1
# Needs      a C++ compiler
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet Jinja2==3.1.6 scikit-build-core==0.11.6 packaging==25.0 pathspec==0.12.1
"$folder/env/bin/pip" download --quiet --no-deps --no-build-isolation --no-binary :all: --dest "$folder" llama-cpp-python==0.3.36
tar -xzf "$folder"/llama_cpp_python-0.3.36.tar.gz -C "$folder"
LLAMA_DIR="$folder/llama_cpp_python-0.3.36/vendor/llama.cpp"
cat >"$folder/cases.json" <<'JSON'
["{% for i in [1,2,3] %}{% if i == 2 %}m{{ i }}{% continue %}{% endif %}n{{ i }}{% endfor %}",
 "{% for i in [1,2,3] %}{% if loop.first %}{% set x = 'a' %}{% endif %}[{{ x }}]{% endfor %}",
 "{{ ['x'] }}", "{{ 'éaß'|length }}", "{{ -7 % 3 }}"]
JSON
"$folder/env/bin/python" - "$folder" <<'PY' >"$folder/python.txt"
import json, sys
import jinja2
environment = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"])
for case in json.load(open(sys.argv[1] + "/cases.json")):
    print(environment.from_string(case).render())
PY
cat >"$folder/render.cpp" <<'CPP'
#include <jinja/lexer.h>
#include <jinja/parser.h>
#include <jinja/runtime.h>
#include <json.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
extern "C" void ggml_abort(const char*, int, const char*, ...) { std::abort(); }
int main(int, char** words) {
  std::stringstream text;
  text << std::ifstream(words[1]).rdbuf();
  const common_json cases = common_json::parse_no_throw(text.str());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto lexed = jinja::lexer().tokenize(cases[i].get<std::string>());
    const jinja::program program = jinja::parse_from_tokens(lexed);
    jinja::context context(lexed.source);
    std::cout << jinja::runtime::gather_string_parts(jinja::runtime(context).execute(program))->as_string().str() << "\n";
  }
}
CPP
"${CXX:-g++}" -std=c++17 -w -I"$LLAMA_DIR/common" -I"$LLAMA_DIR/vendor" -I"$LLAMA_DIR/ggml/include" "$folder/render.cpp" \
  "$LLAMA_DIR"/common/jinja/*.cpp "$LLAMA_DIR"/common/{json,unicode}.cpp -o "$folder/render"
"$folder/render" "$folder/cases.json" >"$folder/llama.txt"
paste "$folder/python.txt" "$folder/llama.txt"
diff <(printf "n1m2n3\n[a][][]\n['x']\n3\n2\n") "$folder/python.txt"
diff <(printf 'n1n3\n[a][a][a]\nx\n5\n-1\n') "$folder/llama.txt"
