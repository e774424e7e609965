#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string_view.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "open_model.h"

namespace sinkscope::python {
namespace {

using Edits = std::vector<std::shared_ptr<Edit>>;

std::vector<Edit*> pointers_of(const Edits& edits) {
  std::vector<Edit*> pointers;
  for (const std::shared_ptr<Edit>& edit : edits) pointers.push_back(edit.get());
  return pointers;
}

Document text_document(const std::string& name, nb::bytes prompt, nb::bytes body) {
  Document document;
  document.place.id = name;
  document.prompt = std::string(prompt.c_str(), prompt.size());
  document.body = std::string(body.c_str(), body.size());
  return document;
}

Document token_document(const std::string& name, std::vector<TokenId> prompt, std::vector<TokenId> tokens) {
  Document document;
  document.place.id = name;
  if (!prompt.empty()) document.prompt = std::move(prompt);
  document.body = std::move(tokens);
  return document;
}

LoadOptions load_options(const std::string& path, int threads, int ctx_size, int ubatch_size, int n_gpu_layers,
                         const std::vector<std::string>& device, const std::string& split_mode, int main_gpu,
                         const std::vector<std::string>& rpc, double rpc_timeout_s, const Deployment& deployment,
                         const std::string& precision, int parallel, bool verbose) {
  LoadOptions load;
  load.path = path;
  load.runtime.n_threads = threads;
  load.n_ctx = ctx_size;
  load.n_ubatch = ubatch_size;
  load.n_gpu_layers = n_gpu_layers;
  load.devices = {device, split_mode == "layer", main_gpu};
  load.rpc_servers = rpc;
  load.rpc_timeout = std::chrono::milliseconds(std::llround(rpc_timeout_s * 1000));
  load.deployment = deployment;
  load.precision = precision_of_name(precision);
  load.max_sequences = parallel;
  load.verbose = verbose;
  return load;
}

ScanSettings scan_settings(int min_distance, const std::string& bos, nb::bytes chat_template, bool special,
                           const std::string& keep,
                           const NamedThresholds& thresholds) {
  ScanSettings settings;
  settings.min_distance = min_distance;
  settings.bos = bos == "on" ? BosMode::kOn : bos == "off" ? BosMode::kOff : BosMode::kAuto;
  settings.chat_template = std::string(chat_template.c_str(), chat_template.size());
  settings.special = special;
  settings.keep = keep_from_name(keep);
  settings.thresholds = thresholds_from(thresholds);
  return settings;
}

}  // namespace

void init_model(nb::module_& module) {
  nb::class_<ModelFacts>(module, "Facts", "What a model is, as read from its file.")
      .def_prop_ro("name", [](const ModelFacts& facts) { return utf8_text(facts.name); })
      .def_ro("arch", &ModelFacts::arch)
      .def_ro("type", &ModelFacts::type)
      .def_ro("path", &ModelFacts::path)
      .def_ro("n_layers", &ModelFacts::n_layers)
      .def_ro("d_model", &ModelFacts::d_model)
      .def_ro("n_vocab", &ModelFacts::n_vocab)
      .def_ro("n_ctx_train", &ModelFacts::n_ctx_train)
      .def_ro("n_heads", &ModelFacts::n_heads, "[n_layers]; 0 where a block has no attention")
      .def_ro("n_kv_heads", &ModelFacts::n_kv_heads)
      .def_ro("bos", &ModelFacts::bos, "-1: the vocabulary has none")
      .def_ro("eos", &ModelFacts::eos)
      .def_ro("adds_bos", &ModelFacts::adds_bos)
      .def_ro("has_chat_template", &ModelFacts::has_chat_template)
      .def("__repr__", [](const ModelFacts& facts) {
        return "<sinkscope.Facts " + utf8_text(facts.name) + ": " + facts.arch + ", " + facts.type + ", " +
               std::to_string(facts.n_layers) + " layers, d_model " + std::to_string(facts.d_model) + ">";
      });

  nb::class_<Document>(module, "Document").def("set_place", [](Document& document, const std::string& file, std::int64_t line) {
    document.place.file = file;
    document.place.line = line;
  });
  module.def("text_document", text_document);
  module.def("token_document", token_document);
  module.attr("conversations") = nb::cast(kConversations);
  module.def("chat_document", [](const std::string& name, nb::bytes messages) {
    return chat_document(std::string(messages.c_str(), messages.size()), name);
  });

  nb::class_<ScanProgress>(module, "Progress", "How far a scan is.")
      .def_ro("documents_done", &ScanProgress::documents_done)
      .def_ro("documents_total", &ScanProgress::documents_total)
      .def_ro("tokens_done", &ScanProgress::tokens_done)
      .def_ro("tokens_total", &ScanProgress::tokens_total)
      .def_ro("sinks", &ScanProgress::sinks)
      .def("__repr__", [](const ScanProgress& at) {
        const auto of = [](auto done, auto total) { return std::to_string(done) + " of " + std::to_string(total); };
        return "<sinkscope.Progress " + of(at.tokens_done, at.tokens_total) + " tokens, " +
               of(at.documents_done, at.documents_total) + " documents, " + std::to_string(at.sinks) + " sinks>";
      });

  module.def("captured_names", captured_names);

  nb::class_<Deployment>(module, "Deployment", "How a model is run where it is deployed, by llama.cpp's names.")
      .def(nb::init<>())
      .def_rw("cache_type_k", &Deployment::cache_type_k)
      .def_rw("cache_type_v", &Deployment::cache_type_v)
      .def_rw("rope_scaling", &Deployment::rope_scaling)
      .def_rw("rope_freq_base", &Deployment::rope_freq_base)
      .def_rw("rope_freq_scale", &Deployment::rope_freq_scale)
      .def_rw("yarn_orig_ctx", &Deployment::yarn_orig_ctx)
      .def_rw("yarn_ext_factor", &Deployment::yarn_ext_factor)
      .def_rw("yarn_attn_factor", &Deployment::yarn_attn_factor)
      .def_rw("yarn_beta_slow", &Deployment::yarn_beta_slow)
      .def_rw("yarn_beta_fast", &Deployment::yarn_beta_fast)
      .def_rw("override_kv", &Deployment::override_kv)
      .def("add_lora", [](Deployment& deployment, const std::string& path, float scale) {
        deployment.lora.push_back({path, "", scale});
      });
  module.def("cache_type_names", cache_type_names);
  nb::class_<LoadOptions>(module, "LoadOptions")
      .def(nb::new_(&load_options), nb::arg("path"), nb::arg("threads"), nb::arg("ctx_size"), nb::arg("ubatch_size"),
           nb::arg("n_gpu_layers"), nb::arg("device"), nb::arg("split_mode"), nb::arg("main_gpu"), nb::arg("rpc"),
           nb::arg("rpc_timeout"), nb::arg("deployment"), nb::arg("precision"), nb::arg("parallel"), nb::arg("verbose"));
  nb::class_<ScanSettings>(module, "ScanSettings")
      .def(nb::new_(&scan_settings), nb::arg("min_distance"), nb::arg("bos"), nb::arg("chat_template"), nb::arg("special"), nb::arg("keep"),
           nb::arg("thresholds"));

  nb::class_<OpenModel> type(module, "Model", "An open model.");
  type
      
      .def("__init__",
           [](OpenModel* self, const LoadOptions& load, const ScanSettings& settings) {
             without_gil([&] { new (self) OpenModel(load, settings); });
           })
      .def_prop_ro("facts", [](const OpenModel& model) { return model.scanner().facts(); })
      .def_prop_ro("notes", [](const OpenModel& model) { return sentences_of(model.scanner().notes()); })
      .def_prop_ro("precision", [](const OpenModel& model) { return model.scanner().model().precision(); })
      .def_prop_ro("max_tokens", [](const OpenModel& model) { return model.scanner().model().max_tokens(); })
      .def("tokens_of",
           [](OpenModel& model, const Document& document) {
             return model.use(nb::none(), [&](const Scanner& scanner) { return scanner.tokens_of(document); });
           })
      .def("token_bytes",
           [](const OpenModel& model, TokenId token) {
             return bytes_of(model.scanner().model().vocabulary().token_bytes(token));
           })
      .def("scan",
           [](OpenModel& model, const std::vector<Document>& documents, const Edits& edits,
              const nb::object& progress) {
             return model.use(progress,
                              [&](const Scanner& scanner) { return scanner.scan_all(documents, pointers_of(edits)); });
           },
           nb::arg("documents"), nb::arg("edits"), nb::arg("progress").none())
      .def("loss",
           [](OpenModel& model, const std::vector<TokenId>& tokens, const Edits& edits) {
             return array_of(model.use(
                 nb::none(), [&](const Scanner& scanner) { return scanner.loss(tokens, pointers_of(edits)); }));
           })
      .def("capture", [](OpenModel& model, const std::vector<TokenId>& tokens,
                         const std::vector<std::pair<std::string, int>>& wanted, const Edits& edits) {
        std::vector<Captured> captured;
        for (const auto& [name, layer] : wanted) captured.push_back({name, layer});
        const std::vector<ArrayView> views = model.use(nb::none(), [&](const Scanner& scanner) {
          return scanner.capture(tokens, captured, pointers_of(edits));
        });
        nb::list arrays;
        for (const ArrayView& view : views) arrays.append(array_of(view));
        return arrays;
      });
  add_analyses(module, type);
  add_protection(module, type);
}

}  // namespace sinkscope::python
