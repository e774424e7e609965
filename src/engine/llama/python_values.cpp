#include "engine/llama/python_values.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/llama/jinja_letters.h"
#include "engine/llama/jinja_names.h"
#include "engine/llama/python_words.h"

namespace sinkscope {
namespace {

using namespace jinja_names;

value text_value(const jinja::string& text) { return mk_val<jinja::value_string>(text); }
bool is_text(const value& of) { return is_val<jinja::value_string>(of); }

void put(const statement_ptr& slot, value held) { cast_stmt<ValueSlot>(slot)->held = std::move(held); }

value letter(const value& of, std::int64_t at) {
  const std::vector<JinjaLetter> letters = letters_of(of->val_str);
  const auto n = static_cast<std::int64_t>(letters.size());
  if (at < 0) at += n;
  if (at < 0 || at >= n) return mk_val<jinja::value_undefined>("string index");
  return text_value(joined_letters({letters[static_cast<std::size_t>(at)]}));
}

value sliced(const value& of, const jinja::slice_expression& slice, context& ctx) {
  const auto number = [&](const statement_ptr& source) -> std::optional<std::int64_t> {
    if (!source) return std::nullopt;
    const value given = source->execute(ctx);
    return given->is_none() ? std::nullopt : std::optional(given->as_int());
  };
  const std::vector<JinjaLetter> letters = letters_of(of->val_str);
  const auto start = number(slice.start_expr), stop = number(slice.stop_expr), step = number(slice.step_expr);
  std::vector<JinjaLetter> taken;
  for (const std::size_t at : sliced_places(letters.size(), start, stop, step.value_or(1))) {
    taken.push_back(letters[at]);
  }
  return text_value(joined_letters(taken));
}

// As transformers sets tojson up: json.dumps with ensure_ascii=False.
value as_json(const value& of, const jinja::call_expression* call, context& ctx) {
  jinja::func_args given(ctx);
  given.push_back(of);
  if (call != nullptr) {
    for (const statement_ptr& one : call->args) given.push_back(one->execute(ctx));
  }
  if (given.get_kwarg_or_pos("sort_keys", 4)->as_bool()) throw std::runtime_error("tojson does not sort keys here");
  JsonForm form;
  form.ensure_ascii = given.get_kwarg_or_pos("ensure_ascii", 1)->as_bool();
  const value asked = given.get_kwarg_or_pos("indent", 2), marks = given.get_kwarg_or_pos("separators", 3);
  if (is_val<jinja::value_int>(asked))
    form.indent = static_cast<int>(std::clamp<std::int64_t>(asked->as_int(), -1, 64));
  if (form.indent >= 0) form.item_mark = ",";
  if (is_val<jinja::value_array>(marks) && marks->as_array().size() == 2) {
    form.item_mark = marks->as_array()[0]->as_string().str();
    form.member_mark = marks->as_array()[1]->as_string().str();
  }
  return text_value(jinja::string(python_json(of, form), has_input(of)));
}

}  // namespace

PythonMember::PythonMember(jinja::member_expression& of)
    : member_expression(std::make_unique<ValueSlot>(), std::move(of.property), of.computed),
      source_(std::move(of.object)) {}

value PythonMember::execute_impl(context& ctx) const {
  value of = source_->execute(ctx);
  if (is_text(of) && computed) {
    if (const auto* slice = cast_stmt<jinja::slice_expression>(property)) return sliced(of, *slice, ctx);
    const value index = property->execute(ctx);
    if (is_val<jinja::value_int>(index)) return letter(of, index->as_int());
  }
  put(object, std::move(of));
  return member_expression::execute_impl(ctx);
}

PythonSplit::PythonSplit(jinja::call_expression& of) : call_expression(std::move(of.callee), std::move(of.args)) {
  auto* member = cast_stmt<jinja::member_expression>(callee);
  source_ = std::exchange(member->object, std::make_unique<ValueSlot>());
}

value PythonSplit::execute_impl(context& ctx) const {
  value of = source_->execute(ctx);
  if (!is_text(of)) {
    put(cast_stmt<jinja::member_expression>(callee)->object, std::move(of));
    return call_expression::execute_impl(ctx);
  }
  jinja::func_args given(ctx);
  for (const statement_ptr& one : args) given.push_back(one->execute(ctx));
  const value separator = given.get_kwarg_or_pos("sep", 0), most = given.get_kwarg_or_pos("maxsplit", 1);
  std::optional<std::string> by;
  if (!separator->is_undefined() && !separator->is_none()) by = separator->as_string().str();
  const auto parts = mk_val<jinja::value_array>();
  for (const jinja::string& part : split_text(of->val_str, by, most->is_undefined() ? -1 : most->as_int())) {
    parts->push_back(text_value(part));
  }
  return parts;
}

PythonFilter::PythonFilter(jinja::filter_expression& of)
    : filter_expression(std::make_unique<ValueSlot>(), std::move(of.filter)), source_(std::move(of.operand)) {}

value PythonFilter::execute_impl(context& ctx) const {
  const auto* call = cast_stmt<jinja::call_expression>(filter);
  const auto* named = cast_stmt<jinja::identifier>(call != nullptr ? call->callee : filter);
  const std::string name = named != nullptr ? named->val : "";
  value of = source_->execute(ctx);
  if (is_text(of) && (name == "length" || name == "count")) {
    return mk_val<jinja::value_int>(static_cast<std::int64_t>(letters_of(of->val_str).size()));
  }
  if (is_text(of) && name == "format" && of->val_str.str().find('%') != std::string::npos) {
    throw std::runtime_error("the filter format is not known here");
  }
  if (of->is_none() && (name == "default" || name == "d") && (call == nullptr || call->args.size() < 2)) return of;
  if (name == "string" && !is_text(of) && !of->is_undefined()) {
    return text_value(jinja::string(python_repr(of), has_input(of)));
  }
  if (name == "tojson") return as_json(of, call, ctx);
  put(operand, std::move(of));
  return filter_expression::execute_impl(ctx);
}

PythonBinary::PythonBinary(jinja::binary_expression& of)
    : binary_expression(of.op, std::make_unique<ValueSlot>(), std::make_unique<ValueSlot>()),
      first_(std::move(of.left)),
      second_(std::move(of.right)) {}

value PythonBinary::execute_impl(context& ctx) const {
  value a = first_->execute(ctx), b = second_->execute(ctx);
  if (op.value == "~") {
    const auto as_text = [](const value& of) {
      if (is_text(of) || of->is_undefined()) return of;
      return text_value(jinja::string(python_repr(of), has_input(of)));
    };
    a = as_text(a);
    b = as_text(b);
  } else if (is_val<jinja::value_int>(a) && is_val<jinja::value_int>(b)) {
    return mk_val<jinja::value_int>(of_whole_numbers(a->as_int(), b->as_int()));
  } else if (op.value == "%" && a->is_numeric() && b->is_numeric()) {
    const double by = b->as_float(), rest = std::fmod(a->as_float(), by);
    return mk_val<jinja::value_float>(rest != 0 && (rest < 0) != (by < 0) ? rest + by : rest);
  }
  put(left, std::move(a));
  put(right, std::move(b));
  return binary_expression::execute_impl(ctx);
}

std::int64_t PythonBinary::of_whole_numbers(std::int64_t a, std::int64_t b) const {
  std::int64_t result = 0;
  bool too_large = false;
  if (op.value == "+") too_large = __builtin_add_overflow(a, b, &result);
  if (op.value == "-") too_large = __builtin_sub_overflow(a, b, &result);
  if (op.value == "*") too_large = __builtin_mul_overflow(a, b, &result);
  if (too_large) throw std::runtime_error("a whole number is too large");
  if (op.value != "%") return result;
  if (b == 0) throw std::runtime_error("division by zero");
  if (b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

}  // namespace sinkscope
