#include "engine/llama/python_flow.h"

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/llama/jinja_letters.h"
#include "engine/llama/jinja_names.h"
#include "engine/llama/python_words.h"

namespace sinkscope {
namespace {

using namespace jinja_names;

// A loop is left, or goes on, and this is what the blocks within it had written until then.
struct ContinuedWith : jinja::continue_statement::signal {
  value written;
};
struct BrokenWith : jinja::break_statement::signal {
  value written;
};

// Runs statements, and adds what they write.
//
// throws  ContinuedWith or BrokenWith with all of it, where one of them continues or breaks a loop
void run(const jinja::statements& body, context& ctx, const std::shared_ptr<jinja::value_array_t>& written) {
  const auto left_with = [&]<typename Left>(Left left, const auto& signal) {
    if (const auto* inner = dynamic_cast<const Left*>(&signal)) written->push_back(inner->written);
    left.written = written;
    return left;
  };
  try {
    for (const statement_ptr& statement : body) written->push_back(statement->execute(ctx));
  } catch (const jinja::continue_statement::signal& signal) {
    throw left_with(ContinuedWith(), signal);
  } catch (const jinja::break_statement::signal& signal) {
    throw left_with(BrokenWith(), signal);
  }
}

std::vector<value> keys_of(const value& object) {
  std::vector<value> keys;
  for (const auto& [key, item] : object->as_ordered_object()) keys.push_back(key);
  return keys;
}

// What a loop goes over. Members as pairs where it has two variables: llama.cpp's dictsort gives an object.
std::vector<value> items_of(const value& of, bool in_pairs) {
  if (of->is_undefined()) return {};
  if (is_val<jinja::value_array>(of)) return of->as_array();
  std::vector<value> items;
  if (is_val<jinja::value_object>(of)) {
    if (!in_pairs) return keys_of(of);
    for (const auto& member : of->as_ordered_object()) items.push_back(mk_val<jinja::value_tuple>(member));
    return items;
  }
  if (!is_val<jinja::value_string>(of)) {
    throw std::runtime_error("Expected iterable or object type in for loop: got " + of->type());
  }
  for (const JinjaLetter& letter : letters_of(of->val_str)) {
    items.push_back(mk_val<jinja::value_string>(joined_letters({letter})));
  }
  return items;
}

value loop_at(const std::vector<value>& items, std::size_t i) {
  const auto loop = mk_val<jinja::value_object>();
  const auto number = [](std::size_t of) { return mk_val<jinja::value_int>(static_cast<std::int64_t>(of)); };
  const std::size_t n = items.size();
  loop->has_builtins = false;
  loop->insert("index", number(i + 1));
  loop->insert("index0", number(i));
  loop->insert("revindex", number(n - i));
  loop->insert("revindex0", number(n - i - 1));
  loop->insert("first", mk_val<jinja::value_bool>(i == 0));
  loop->insert("last", mk_val<jinja::value_bool>(i + 1 == n));
  loop->insert("length", number(n));
  loop->insert("previtem", i > 0 ? items[i - 1] : mk_val<jinja::value_undefined>("previtem"));
  loop->insert("nextitem", i + 1 < n ? items[i + 1] : mk_val<jinja::value_undefined>("nextitem"));
  return loop;
}

}  // namespace

value PythonOutput::execute_impl(context& ctx) const {
  const value of = source->execute(ctx);
  const bool is_written = is_val<jinja::value_float>(of) || of->is_none() || is_val<jinja::value_array>(of) ||
                          is_val<jinja::value_object>(of);
  return is_written ? mk_val<jinja::value_string>(jinja::string(python_repr(of), has_input(of))) : of;
}

value PythonIf::execute_impl(context& ctx) const {
  const bool holds = test->execute(ctx)->as_bool();
  const auto written = mk_val<jinja::value_array>();
  run(holds ? body : alternate, ctx, written);
  return written;
}

value PythonFor::execute_impl(context& ctx) const {
  const auto* select = cast_stmt<jinja::select_expression>(iterable);
  const bool in_pairs = cast_stmt<jinja::tuple_literal>(loopvar) != nullptr;
  std::vector<value> taken;
  for (const value& item : items_of((select != nullptr ? select->lhs : iterable)->execute(ctx), in_pairs)) {
    context pass(ctx);
    bind(item, pass);
    if (select == nullptr || select->test->execute(pass)->as_bool()) taken.push_back(item);
  }
  const auto written = mk_val<jinja::value_array>();
  bool ran_through = false;  // one pass at least, to its end: what Jinja asks before it takes {% else %}
  for (std::size_t i = 0; i < taken.size(); ++i) {
    context pass(ctx);
    pass.set_val("loop", loop_at(taken, i));
    bind(taken[i], pass);
    const auto of_pass = mk_val<jinja::value_array>();
    written->push_back(of_pass);
    try {
      run(body, pass, of_pass);
    } catch (const ContinuedWith&) {
      continue;
    } catch (const BrokenWith&) {
      break;
    }
    ran_through = true;
  }
  if (!ran_through) run(default_block, ctx, written);
  return written;
}

void PythonFor::bind(const value& item, context& pass) const {
  if (const auto* name = cast_stmt<jinja::identifier>(loopvar)) return pass.set_val(name->val, item);
  const auto* names = cast_stmt<jinja::tuple_literal>(loopvar);
  if (names == nullptr) throw std::runtime_error("Invalid loop variable(s): " + loopvar->type());
  if (!is_val<jinja::value_array>(item)) throw std::runtime_error("Cannot unpack non-iterable type: " + item->type());
  const std::vector<value>& values = item->as_array();
  if (names->val.size() != values.size()) throw std::runtime_error("Too few or too many items to unpack");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto* name = cast_stmt<jinja::identifier>(names->val[i]);
    if (name == nullptr) throw std::runtime_error("Cannot unpack non-identifier type: " + names->val[i]->type());
    pass.set_val(name->val, values[i]);
  }
}

value PythonMacro::execute_impl(context& ctx) const {
  const auto* called = cast_stmt<jinja::identifier>(name);
  if (called == nullptr) throw std::runtime_error("Macro name must be an identifier");
  // Surroundings at the top last as long as the rendering; others are copied.
  const std::shared_ptr<context> around =
      at_top ? std::shared_ptr<context>(std::shared_ptr<context>(), &ctx) : std::make_shared<context>(ctx);
  const auto work = [this, around](const jinja::func_args& given) -> value {
    context inner(*around);
    if (!at_top) execute_impl(inner);  // it may call itself: the copy was made before it had its name
    const value caller = given.ctx.get_val("caller");
    if (!caller->is_undefined()) inner.set_val("caller", caller);
    bind(given, inner);
    const auto written = mk_val<jinja::value_array>();
    run(body, inner, written);
    return mk_val<jinja::value_string>(jinja::runtime::gather_string_parts(written)->val_str);
  };
  ctx.set_val(called->val, mk_val<jinja::value_func>(called->val, jinja::func_handler(work)));
  return mk_val<jinja::value_undefined>();
}

void PythonMacro::bind(const jinja::func_args& given, context& inner) const {
  for (std::size_t i = 0; i < args.size(); ++i) {
    const auto* fallback = cast_stmt<jinja::keyword_argument_expression>(args[i]);
    const auto* plain = cast_stmt<jinja::identifier>(fallback != nullptr ? fallback->key : args[i]);
    if (plain == nullptr) throw std::runtime_error("Invalid parameter type in a macro");
    value bound = given.get_kwarg_or_pos(plain->val, i);
    if (bound->is_undefined() && fallback != nullptr) bound = fallback->val->execute(inner);
    inner.set_val(plain->val, bound);
  }
}

}  // namespace sinkscope
