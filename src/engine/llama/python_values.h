#pragma once

#include <jinja/runtime.h>

#include <cstdint>

namespace sinkscope {

// Expressions as Python's Jinja has them. They take the place of llama.cpp's, which go on doing what is not said here:
// a node computes its operands, and where it leaves them to llama.cpp, hands them on in slots, so that none is computed
// twice. render_as_python says in what they differ.

// A child of a node of llama.cpp's that has its value already. It is asked once, before any other child.
struct ValueSlot final : jinja::expression {
  mutable jinja::value held;
  jinja::value execute_impl(jinja::context&) const override { return std::move(held); }
};

// text[i], text[i:j:k]
struct PythonMember final : jinja::member_expression {
  explicit PythonMember(jinja::member_expression& of);
  jinja::value execute_impl(jinja::context& ctx) const override;

 private:
  jinja::statement_ptr source_;
};

// text.split()
struct PythonSplit final : jinja::call_expression {
  explicit PythonSplit(jinja::call_expression& of);  // its callee is a member, split
  jinja::value execute_impl(jinja::context& ctx) const override;

 private:
  jinja::statement_ptr source_;
};

struct PythonFilter final : jinja::filter_expression {
  explicit PythonFilter(jinja::filter_expression& of);
  jinja::value execute_impl(jinja::context& ctx) const override;

 private:
  jinja::statement_ptr source_;
};

// + - * % ~
struct PythonBinary final : jinja::binary_expression {
  explicit PythonBinary(jinja::binary_expression& of);
  jinja::value execute_impl(jinja::context& ctx) const override;

 private:
  std::int64_t of_whole_numbers(std::int64_t a, std::int64_t b) const;
  jinja::statement_ptr first_, second_;
};

}  // namespace sinkscope
