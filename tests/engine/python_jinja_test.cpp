// What jinja2 3.1.6 writes for small templates, each value read off by hand and compared with Python's once. Beside it
// what llama.cpp's own engine writes, so that a newer one that has changed is noticed.
#include "engine/llama/python_jinja.h"

#include <gtest/gtest.h>
#include <jinja/lexer.h>
#include <jinja/parser.h>
#include <json.h>

#include <exception>
#include <string>
#include <vector>

namespace sinkscope {
namespace {

constexpr const char* kVariables =
    R"({"d": {"a": 1.5, "b": "x", "é": null}, "u": "éaß", "said": "one two", "l": [{"r": "u"}, {"r": "s"}]})";

jinja::value written(const std::string& source, bool as_python) {
  const jinja::lexer_result lexed = jinja::lexer().tokenize(source);
  jinja::program program = jinja::parse_from_tokens(lexed);
  if (as_python) render_as_python(program);
  jinja::context context(lexed.source);
  jinja::global_from_json(context, common_json::parse_no_throw(kVariables), true);
  return jinja::runtime::gather_string_parts(jinja::runtime(context).execute(program));
}

std::string text_by(const std::string& source, bool as_python) {
  try {
    return written(source, as_python)->as_string().str();
  } catch (const std::exception&) {
    return "refused";
  }
}

struct Case {
  std::string source, python, llama;
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    EXPECT_EQ(text_by(one.source, true), one.python) << one.source;
    EXPECT_EQ(text_by(one.source, false), one.llama) << "llama.cpp has changed: " << one.source;
  }
}

TEST(PythonJinja, KeepsWhatWasWrittenBeforeALoopGoesOn) {
  expect_all({
      {"{% for i in [1,2,3] %}{% if i == 2 %}m{{ i }}{% continue %}{% endif %}n{{ i }}{% endfor %}", "n1m2n3", "n1n3"},
      {"{% for i in [1,2,3] %}{% if i == 2 %}last{% break %}{% endif %}n{{ i }}{% endfor %}", "n1last", "n1"},
      {"{% for i in [1,2,3] %}a{{ i }}{% if i == 2 %}{% continue %}{% endif %}n{% endfor %}", "a1na2a3n", "a1na2a3n"},
      {"{% for i in [1,2] %}{% if true %}{% if i == 1 %}x{% continue %}{% endif %}{% endif %}y{% endfor %}", "xy", "y"},
      {"{% for i in [1,2] %}{% for j in [1,2] %}{% if j == 2 %}x{{ i }}{% continue %}{% endif %}y{% endfor %}{% endfor "
       "%}",
       "yx1yx2", "yy"},
      {"{% for i in [1,2] %}{% continue %}{% else %}none{% endfor %}", "none", "none"},
      {"{% for i in [] %}x{% else %}none{% endfor %}", "none", "none"},
  });
}

TEST(PythonJinja, EachPassOfALoopHasNamesOfItsOwn) {
  expect_all({
      {"{% for i in [1,2,3] %}{% if loop.first %}{% set x = 'a' %}{% endif %}[{{ x }}]{% endfor %}", "[a][][]",
       "[a][a][a]"},
      {"{% set x = 0 %}{% for i in [1,2,3] %}{% set x = x + i %}{{ x }},{% endfor %}{{ x }}", "1,2,3,0", "1,3,6,0"},
      {"{% set n = namespace(x=0) %}{% for i in [1,2,3] %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}", "6", "6"},
      {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "a=1.5;b=x;é=None;", "a=1.5;b=x;é=;"},
      {"{% for k, v in {'b':1,'a':2}|dictsort %}{{ k }}{{ v }}{% endfor %}", "a2b1", "a2b1"},
      {"{% for i in range(3) if i != 1 %}{{ i }}{{ loop.index0 }}{{ loop.last }}{% endfor %}", "00False21True",
       "00False21True"},
      {"{% for c in u %}{{ c }}.{% endfor %}", "é.a.ß.", "refused"},
  });
}

TEST(PythonJinja, MacrosSeeWhereTheyWereWritten) {
  expect_all({
      {"{% macro f() %}{{ y }}{% endmacro %}{% for y in [1,2] %}{{ f() }}{% endfor %}", "", "12"},
      {"{% macro f() %}{{ z }}{% endmacro %}{% set z = 1 %}{{ f() }}{% set z = 2 %}{{ f() }}", "12", "12"},
      {"{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210", "3210"},
      {"{% for y in [1,2] %}{% macro g(n) %}{{ y }}{% if n > 0 %}{{ g(n - 1) }}{% endif %}{% endmacro %}{{ g(2) }};"
       "{% endfor %}",
       "111;222;", "111;222;"},
      {"{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}", "11", "1"},
      {"{% macro f(a, b=2, c=3) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1, c=5) }}{{ f(1, 4) }}", "125143", "13143"},
      {"{% macro f(a) %}{{ a }}|{% endmacro %}{{ f() }}", "|", "refused"},
      {"{% macro f(a) %}[{{ caller(1) }}]{% endmacro %}{% call(u) f(2) %}{{ u }}{% endcall %}", "[1]", "[1]"},
  });
}

TEST(PythonJinja, WritesEveryKindOfValue) {
  expect_all({
      {"{{ none }}", "None", ""},
      {"{{ [1, 'a', none] }}", "[1, 'a', None]", "1a"},
      {"{{ d }}", "{'a': 1.5, 'b': 'x', 'é': None}", ""},
      {"{{ [\"it's\", 'a\nb'] }}", "[\"it's\", 'a\\nb']", "it'sa\nb"},
      {"{{ 'x' ~ none }}{{ [true] ~ 1.0 }}", "xNone[True]1.0", "refused"},
      {"{{ 1/3 }} {{ 0.0000123 }} {{ 6.0 }}", "0.3333333333333333 1.23e-05 6.0", "0.333333 0.000012 6.0"},
      {"{{ d|tojson }}", R"({"a": 1.5, "b": "x", "é": null})", R"({"a": 1.5, "b": "x", "é": null})"},
      {"{{ [1.0, 0.1234567891]|tojson }}", "[1.0, 0.1234567891]", "[1, 0.123457]"},
      {"{{ {'a': [1, {}], 'b': []}|tojson(indent=2) }}", "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}",
       "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}"},
      {"{{ '😀é\n'|tojson(ensure_ascii=True) }}", R"("\ud83d\ude00\u00e9\n")", R"("\ud83d\ude00\u00e9\n")"},
      {"{{ [1, 'a']|tojson(separators=(',', ':')) }}", R"([1,"a"])", R"([1,"a"])"},
      {"{{ none|default('b') }}{{ none|default('b', true) }}{{ missing|default('b') }}", "Nonebb", "bbb"},
      {"{{ '%s'|format('a') }}", "refused", "%s"},
  });
}

TEST(PythonJinja, TakesStringsByCharacters) {
  expect_all({
      {"{{ u|length }}{{ u[0] }}{{ u[1:] }}{{ u[:-1] }}", "3éaßéa",
       "5\xC3\xA9"
       "aß\xC3\xA9"
       "a\xC3"},
      {"{{ 'abc'[-1] }}{{ 'abc'[::-1] }}{{ 'abc'[-2:] }}{{ 'abc'[9] }}", "ccbabc", "cbabc"},
      {"{{ ' a  b '.split()|length }}", "2", "5"},
      {"{{ 'a,b,c'.split(',', 1)|join('-') }}{{ 'abc'.split('c')[-1] }}", "a-b,c", "a-b,c"},
      {"{{ said.split(' ')[0] }}{{ said|upper }}", "oneONE TWO", "oneONE TWO"},
  });
}

TEST(PythonJinja, CountsAsPythonDoes) {
  expect_all({
      {"{{ -7 % 3 }} {{ 7 % -3 }} {{ 7 % 3 }} {{ -7.5 % 2 }}", "2 -2 1 0.5", "-1 1 1 -1.5"},
      {"{{ 9007199254740993 + 0 }}", "9007199254740993", "-9223372036854775808"},
      {"{{ 9223372036854775807 + 1 }}", "refused", "-9223372036854775808"},
      {"{{ 1 % 0 }}", "refused", "-9223372036854775808"},
  });
}

// The parts of a split, JSON and lists are a message's words as the message is.
TEST(PythonJinja, KnowsWhatAMessageBroughtIn) {
  for (const std::string source : {"{{ said.split(' ')[0] }}", "{{ said[1:] }}", "{{ l|tojson }}", "{{ l }}"}) {
    const jinja::string text = written(source, true)->as_string();
    EXPECT_TRUE(!text.parts.empty() && text.all_parts_are_input()) << source;
  }
  EXPECT_FALSE(written("{{ 'a b'.split(' ')[0] }}", true)->as_string().all_parts_are_input());
}

}  // namespace
}  // namespace sinkscope
