#pragma once

#include <jinja/runtime.h>

namespace sinkscope {

// Nodes of a template that steer what it writes, as Python's Jinja has them. They take the place of llama.cpp's, and
// are made of the same parts. render_as_python says in what they differ.

struct PythonOutput final : jinja::expression {
  jinja::statement_ptr source;  // what stands within {{ }}
  jinja::value execute_impl(jinja::context& ctx) const override;
};

struct PythonIf final : jinja::if_statement {
  using if_statement::if_statement;
  jinja::value execute_impl(jinja::context& ctx) const override;
};

struct PythonFor final : jinja::for_statement {
  using for_statement::for_statement;
  jinja::value execute_impl(jinja::context& ctx) const override;

 private:
  void bind(const jinja::value& item, jinja::context& pass) const;
};

struct PythonMacro final : jinja::macro_statement {
  using macro_statement::macro_statement;
  bool at_top = true;  // in no loop, macro or call: it sees what its surroundings set later, too
  jinja::value execute_impl(jinja::context& ctx) const override;

 private:
  void bind(const jinja::func_args& given, jinja::context& inner) const;
};

}  // namespace sinkscope
