#include "binding.h"

NB_MODULE(_core, module) {
  module.doc() = "sinkscope's library as Python sees it. The package sinkscope is made of it; use that.";
  module.attr("__version__") = sinkscope::library_version();
  using namespace sinkscope::python;
  init_errors(module);
  init_edits(module);
  init_table(module);
  init_text(module);
  init_results(module);
  init_model(module);
}
