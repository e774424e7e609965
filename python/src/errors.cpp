#include "binding.h"

namespace sinkscope::python {
namespace {

constexpr char kHelp[] =
    "What went wrong, in one line: what; what was expected; what came; what to try.\n\n"
    "code: \"usage\", \"input\", \"model\", \"output\", \"shape\", \"interrupted\" or \"internal\".";

// type  the exception's class, which the module holds
void set_error(const Error& error, PyObject* type) {
  const std::string message = utf8_text(error.what());
  const std::string code(name_of(error.code()));
  try {
    const nb::object raised = nb::handle(type)(nb::str(message.data(), message.size()));
    nb::setattr(raised, "code", nb::str(code.data(), code.size()));
    PyErr_SetObject(type, raised.ptr());
  } catch (nb::python_error& failed) {
    failed.restore();
  }
}

}  // namespace

void init_errors(nb::module_& module) {
  PyObject* type = PyErr_NewExceptionWithDoc("sinkscope.Error", kHelp, PyExc_Exception, nullptr);
  if (type == nullptr) nb::raise_python_error();
  module.attr("Error") = nb::borrow(type);
  nb::register_exception_translator(
      [](const std::exception_ptr& thrown, void* error_type) {
        try {
          std::rethrow_exception(thrown);
        } catch (const Error& error) {
          set_error(error, static_cast<PyObject*>(error_type));
        }
      },
      type);
}

}  // namespace sinkscope::python
