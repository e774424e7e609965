#include "cli/scanned_again.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "api/program_run.h"
#include "base/error.h"
#include "base/thread_limits.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/version.h"
#include "gguf/digest.h"

namespace sinkscope {

ScanFile open_scanned(const std::string& results, const ModelOptions& model) {
  const ScanFile file = ScanFile::open(results);
  const ModelRecord record = file.model();
  const std::string digest = model_sha256(model.path, model_hash_folder(), interrupted);
  if (digest != record.sha256) {
    throw Error(ErrorCode::kInput,
                fmt::format("'{}': expected the model that it was scanned with ({}, SHA-256 {}), got another ({})",
                            results, record.facts.name, record.sha256.substr(0, 12), digest.substr(0, 12)));
  }
  if (file.options().rule == "paper") {
    throw Error(ErrorCode::kInput,
                fmt::format("'{}': expected a scan by the evidence rule, whose sinks are to be run again; got one that was "
                            "made for the paper's (--rule paper); scan without it into a new file",
                            results));
  }
  const ProgramRun run =
      present_program_run(command_line(), model.precision, model.n_threads.value_or(default_threads()));
  return ScanFile::open_or_create(results, record, file.options(), run);
}

namespace {

void check_cache(const std::string& path, const char* option, const std::string& scanned, const std::string& asked) {
  if (asked.empty() || asked == scanned) return;
  throw Error(ErrorCode::kInput,
              fmt::format("'{}': expected --{} {}, with which it was scanned, got {}", path, option, scanned, asked));
}

std::string in_words(const std::vector<LoraAdapter>& adapters) {
  std::string text;
  for (const LoraAdapter& adapter : adapters) {
    text += fmt::format("{}{} (SHA-256) at scale {}", text.empty() ? "" : ", ", adapter.sha256.substr(0, 12),
                        adapter.scale);
  }
  return text.empty() ? "none" : text;
}

// How the texts were scanned, with the files of its adapters.
Deployment deployment_of_scanned(const std::string& path, const Deployment& scanned, const ModelOptions& asked) {
  check_cache(path, "cache-type-k", scanned.cache_type_k, asked.cache_type_k);
  check_cache(path, "cache-type-v", scanned.cache_type_v, asked.cache_type_v);
  Deployment deployment = scanned;
  deployment.lora = asked.deployment.lora;
  for (LoraAdapter& adapter : deployment.lora) adapter.sha256 = model_sha256(adapter.path, {}, interrupted);
  if (deployment.lora != scanned.lora) {
    throw Error(ErrorCode::kInput,
                fmt::format("'{}': expected the LoRA adapters with which it was scanned, {}; got {}; "
                            "--lora FILE:SCALE names them",
                            path, in_words(scanned.lora), in_words(deployment.lora)));
  }
  return deployment;
}

}  // namespace

std::unique_ptr<Model> load_for_scanned(const std::string& path, const ScanFile& results, ModelOptions options) {
  std::int64_t longest = 1;
  results.for_each_document(
      [&](const StoredDocument& document) { longest = std::max<std::int64_t>(longest, document.figures.n_tokens); });
  if (!options.n_ctx) options.n_ctx = static_cast<int>(longest);
  LoadOptions load = load_options(options);
  load.deployment = deployment_of_scanned(path, results.options().deployment, options);
  const ModelFile file = open_model_file(options.path, load.deployment.override_kv);
  std::unique_ptr<Model> model = load_model(file, load);
  if (model->deployment().cache_rotation != results.options().deployment.cache_rotation) {
    throw Error(ErrorCode::kInput,
                fmt::format("'{}': expected LLAMA_ATTN_ROT_DISABLE as when it was scanned, got another", path));
  }
  return model;
}

void check_measured_alike(const std::string& results, const ScanFile& file, const ModelOptions& options,
                          const Model& model) {
  const MeasurementOptions& scanned = file.options();
  const auto check = [&](const char* name, const std::string& expected, const std::string& got) {
    if (expected == got) return;
    throw Error(ErrorCode::kInput, fmt::format("'{}': expected --{} {}, with which it was scanned, got {}", results,
                                               name, expected, got));
  };
  check("precision", scanned.precision, model.precision());
  check("ubatch-size", std::to_string(scanned.n_ubatch), std::to_string(options.n_ubatch));
}

TellProgress KeptPass::watch(TellProgress tell) {
  return [this, tell = std::move(tell)](std::int64_t done, std::int64_t total, const std::string& what) {
    if (what == "sequences") {
      n_kept_ = done;
      n_sequences_ = total;
    } else {
      n_kept_ = n_sequences_;
      has_edited_ = has_edited_ || what == "edits";
    }
    if (tell) tell(done, total, what);
  };
}

void KeptPass::run(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInterrupted) throw;
    throw Error(ErrorCode::kInterrupted, fmt::format("stopped; {}", kept()));
  }
  n_kept_ = n_sequences_;
}

std::string KeptPass::kept() const {
  if (!n_kept_) return fmt::format("'{}' holds what was measured before: the same command goes on from there", results_);
  return fmt::format("'{}' holds {} of {} sequences{}: the same command goes on from there", results_, *n_kept_,
                     n_sequences_, has_edited_ ? ", and the edits made so far" : "");
}

TellProgress progress_notes(bool quiet) {
  if (quiet || !stderr_is_terminal()) return {};
  return [](std::int64_t done, std::int64_t total, const std::string& what) {
    note(fmt::format("{}: {} of {}", what, done, total));
  };
}

}  // namespace sinkscope
