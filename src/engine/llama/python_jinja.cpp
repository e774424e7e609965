#include "engine/llama/python_jinja.h"

#include <memory>
#include <string_view>
#include <utility>

#include "engine/llama/jinja_names.h"
#include "engine/llama/python_flow.h"
#include "engine/llama/python_values.h"

namespace sinkscope {
namespace {

using namespace jinja_names;

// Walks a template and exchanges nodes, those within others first.
class Exchange {
 public:
  // top  in no loop, macro or call
  void body(jinja::statements& statements, bool top) {
    for (statement_ptr& one : statements) {
      const bool writes = cast_stmt<jinja::expression>(one) != nullptr && !jinja::is_stmt<jinja::string_literal>(one);
      if (!statement(one, top)) expression(one);
      if (!writes) continue;
      auto output = std::make_unique<PythonOutput>();
      output->pos = one->pos;
      output->source = std::move(one);
      one = std::move(output);
    }
  }

 private:
  template <typename Ours, typename... Parts>
  static Ours* put(statement_ptr& at, Parts&&... parts) {
    auto ours = std::make_unique<Ours>(std::forward<Parts>(parts)...);
    Ours* seen = ours.get();
    ours->pos = at->pos;
    at = std::move(ours);
    return seen;
  }

  // returns  false for expressions
  bool statement(statement_ptr& at, bool top) {
    if (auto* choice = cast_stmt<jinja::if_statement>(at)) {
      expression(choice->test);
      body(choice->body, top);
      body(choice->alternate, top);
      put<PythonIf>(at, std::move(choice->test), std::move(choice->body), std::move(choice->alternate));
    } else if (auto* loop = cast_stmt<jinja::for_statement>(at)) {
      expression(loop->iterable);
      body(loop->body, false);
      body(loop->default_block, top);
      put<PythonFor>(at, std::move(loop->loopvar), std::move(loop->iterable), std::move(loop->body),
                     std::move(loop->default_block));
    } else if (auto* macro = cast_stmt<jinja::macro_statement>(at)) {
      each(macro->args);
      body(macro->body, false);
      put<PythonMacro>(at, std::move(macro->name), std::move(macro->args), std::move(macro->body))->at_top = top;
    } else if (auto* set = cast_stmt<jinja::set_statement>(at)) {
      expression(set->val);
      body(set->body, false);
    } else if (auto* called = cast_stmt<jinja::call_statement>(at)) {
      if (auto* call = cast_stmt<jinja::call_expression>(called->call)) each(call->args);
      body(called->body, false);
    } else if (auto* filtered = cast_stmt<jinja::filter_statement>(at)) {
      body(filtered->body, false);
    } else {
      return false;
    }
    return true;
  }

  void expression(statement_ptr& at) {
    if (auto* member = cast_stmt<jinja::member_expression>(at)) {
      expression(member->object);
      if (member->computed) expression(member->property);
      if (member->computed) put<PythonMember>(at, *member);
    } else if (auto* call = cast_stmt<jinja::call_expression>(at)) {
      each(call->args);
      expression(call->callee);
      if (is_split(call->callee)) put<PythonSplit>(at, *call);
    } else if (auto* filtered = cast_stmt<jinja::filter_expression>(at)) {
      if (auto* filter = cast_stmt<jinja::call_expression>(filtered->filter)) each(filter->args);
      expression(filtered->operand);
      put<PythonFilter>(at, *filtered);
    } else if (auto* binary = cast_stmt<jinja::binary_expression>(at)) {
      expression(binary->left);
      expression(binary->right);
      constexpr std::string_view kOurs = "+-*%~";
      if (binary->op.value.size() == 1 && kOurs.find(binary->op.value) != std::string_view::npos) {
        put<PythonBinary>(at, *binary);
      }
    } else {
      within(at);
    }
  }

  static bool is_split(const statement_ptr& callee) {
    const auto* member = cast_stmt<jinja::member_expression>(callee);
    const auto* name = member != nullptr ? cast_stmt<jinja::identifier>(member->property) : nullptr;
    return name != nullptr && !member->computed && name->val == "split";
  }

  // Expressions that stay, and may have others within them; none at all, too.
  void within(statement_ptr& at) {
    if (auto* list = cast_stmt<jinja::array_literal>(at)) {
      each(list->val);
    } else if (auto* tuple = cast_stmt<jinja::tuple_literal>(at)) {
      each(tuple->val);
    } else if (auto* object = cast_stmt<jinja::object_literal>(at)) {
      for (auto& [key, item] : object->val) both(key, item);
    } else if (auto* select = cast_stmt<jinja::select_expression>(at)) {
      both(select->lhs, select->test);
    } else if (auto* test = cast_stmt<jinja::test_expression>(at)) {
      expression(test->operand);
      if (auto* call = cast_stmt<jinja::call_expression>(test->test)) each(call->args);
    } else if (auto* unary = cast_stmt<jinja::unary_expression>(at)) {
      expression(unary->argument);
    } else if (auto* slice = cast_stmt<jinja::slice_expression>(at)) {
      both(slice->start_expr, slice->stop_expr);
      expression(slice->step_expr);
    } else if (auto* named = cast_stmt<jinja::keyword_argument_expression>(at)) {
      expression(named->val);
    } else if (auto* spread = cast_stmt<jinja::spread_expression>(at)) {
      expression(spread->argument);
    } else if (auto* ternary = cast_stmt<jinja::ternary_expression>(at)) {
      expression(ternary->condition);
      both(ternary->true_expr, ternary->false_expr);
    }
  }

  void each(jinja::statements& nodes) {
    for (statement_ptr& one : nodes) expression(one);
  }
  void both(statement_ptr& a, statement_ptr& b) {
    expression(a);
    expression(b);
  }
};

}  // namespace

void render_as_python(jinja::program& program) { Exchange().body(program.body, true); }

}  // namespace sinkscope
