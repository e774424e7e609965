#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "base/json_writer.h"
#include "base/statistics.h"
#include "base/thread_limits.h"
#include "cli/bench_runs.h"
#include "cli/options/model_options.h"
#include "cli/progress.h"
#include "cli/verbs/verb.h"
#include "engine/accel/peak.h"
#include "report/data/output_file.h"
#include "report/text/table.h"
#include "report/text/terminal.h"

namespace sinkscope {
namespace {

struct BenchVerbOptions {
  ModelOptions model;
  std::vector<int> n_tokens = {512, 2048, 8192};
  int repeats = 5;
  bool no_native = false;
  std::string json;
};

double fastest(const BenchRuns& runs) { return *std::min_element(runs.ms.begin(), runs.ms.end()); }

double median_ms(const BenchRuns& runs) {
  std::vector<double> ms = runs.ms;
  return median_of(ms);
}

// Operations a second of a part, as a share of the peak of its products; nothing where there is no such part.
std::optional<double> share(double flop, double ms, const std::optional<double>& peak) {
  if (ms <= 0 || !peak) return {};
  return flop / (ms * 1e-3) / *peak;
}

const std::optional<double>& peak_of(const BenchRuns& runs, const ProductPeaks& peaks) {
  return runs.precision == "bf16" ? peaks.bf16 : peaks.f32;
}

// What the fastest pass spent outside the device: llama.cpp's scheduler, probes and measurements.
double elsewhere_ms(const BenchRuns& runs) {
  const AccelTimes& parts = runs.parts;
  return fastest(runs) - parts.unpacking_ms - parts.products_ms - parts.attention_ms - parts.rest_ms;
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.0f} %", *share * 100) : kNotMeasured;
}

std::string gflops(const std::optional<double>& peak) {
  return peak ? fmt::format("{:.0f} GFLOP/s", *peak * 1e-9) : "none";
}

void print_table(const std::vector<BenchRuns>& all, const ProductPeaks& peaks, std::ostream& out) {
  out << fmt::format("oneDNN's products on this machine: f32 {}, bf16 {}\n\n", gflops(peaks.f32), gflops(peaks.bf16));
  Table table({{"", "tokens"}, {"", "precision", false}, {"", "work", false}, {"best", "ms"}, {"median", "ms"}, {"", "MiB"},
               {"", "unpacking"}, {"", "products"}, {"of", "peak"}, {"", "attention"}, {"of", "peak"}, {"", "rest"},
               {"", "elsewhere"}});
  const auto whole = [](double value) { return fmt::format("{:.0f}", value); };
  for (const BenchRuns& runs : all) {
    const AccelTimes& p = runs.parts;
    std::vector<std::string> cells = {std::to_string(runs.n_tokens), runs.precision, std::string(name_of(runs.work)),
                                      whole(fastest(runs)), whole(median_ms(runs)),
                                      runs.peak_mib ? whole(*runs.peak_mib) : kNotMeasured};
    if (runs.precision == "native") {
      cells.resize(13, kNotMeasured);
    } else {
      const std::optional<double>& peak = peak_of(runs, peaks);
      for (const std::string& cell :
           {whole(p.unpacking_ms), whole(p.products_ms), percent(share(p.product_flop, p.products_ms, peak)),
            whole(p.attention_ms), percent(share(p.attention_flop, p.attention_ms, peak)), whole(p.rest_ms),
            whole(elsewhere_ms(runs))}) {
        cells.push_back(cell);
      }
    }
    table.add(std::move(cells));
  }
  table.write("", Paint(TerminalStyle::of(STDOUT_FILENO)), out);
}

float to_float(double value) { return static_cast<float>(value); }

void write_runs(JsonWriter& json, const BenchRuns& runs, const ProductPeaks& peaks) {
  json.open_object(JsonLayout::kInline);
  json.member("n_tokens", runs.n_tokens).member("precision", runs.precision).member("work", name_of(runs.work));
  json.key("ms").open_array(JsonLayout::kInline);
  for (const double ms : runs.ms) json.value(to_float(ms));
  json.close();
  json.member("best_ms", to_float(fastest(runs))).member("median_ms", to_float(median_ms(runs)));
  json.member("peak_mib", runs.peak_mib ? std::optional(to_float(*runs.peak_mib)) : std::nullopt);
  const AccelTimes& p = runs.parts;
  const auto part_share = [&](double flop, double ms) {
    const auto value = share(flop, ms, peak_of(runs, peaks));
    return value ? std::optional(to_float(*value)) : std::nullopt;
  };
  json.member("unpacking_ms", to_float(p.unpacking_ms)).member("products_ms", to_float(p.products_ms));
  json.member("products_peak_share", part_share(p.product_flop, p.products_ms));
  json.member("attention_ms", to_float(p.attention_ms));
  json.member("attention_peak_share", part_share(p.attention_flop, p.attention_ms));
  json.member("rest_ms", to_float(p.rest_ms)).member("elsewhere_ms", to_float(elsewhere_ms(runs)));
  json.close();
}

void write_bench_json(const std::vector<BenchRuns>& all, const ProductPeaks& peaks, std::ostream& out) {
  const auto giga = [](const std::optional<double>& peak) {
    return peak ? std::optional(to_float(*peak * 1e-9)) : std::nullopt;
  };
  JsonWriter json(out);
  json.open_object(JsonLayout::kLines);
  json.member("schema", "sinkscope.device-bench/1");
  json.member("peak_f32_gflops", giga(peaks.f32)).member("peak_bf16_gflops", giga(peaks.bf16));
  json.key("runs").open_array(JsonLayout::kLines);
  for (const BenchRuns& runs : all) write_runs(json, runs, peaks);
  json.close().close();
  out << '\n';
}

ExitCode bench(const BenchVerbOptions& options) {
  BenchPlan plan{.file = open_model_file(options.model.path)};
  plan.load = load_options(options.model);
  const int n_threads = threads_or_default(plan.load.runtime.n_threads);
  if (!options.no_native) plan.precisions.push_back(Precision::kNative);
  const bool accelerated = precision_of(plan.file, plan.load.precision).precision != Precision::kNative;
  if (accelerated || plan.precisions.empty()) plan.precisions.push_back(plan.load.precision);
  plan.n_tokens = options.n_tokens;
  plan.repeats = options.repeats;
  note(engine_versions().back());
  note(precision_of(plan.file, plan.load.precision).why);
  const ProductPeaks before = measure_product_peaks(n_threads);
  const std::vector<BenchRuns> all = run_bench(plan, note);
  // The faster of two: a busy machine can only make a peak smaller.
  ProductPeaks peaks = measure_product_peaks(n_threads);
  peaks.f32 = std::max(peaks.f32, before.f32);
  peaks.bf16 = std::max(peaks.bf16, before.bf16);
  if (!options.json.empty()) write_output(options.json, [&](std::ostream& out) { write_bench_json(all, peaks, out); });
  if (options.json != "-") print_table(all, peaks, std::cout);
  return ExitCode::kDone;
}

}  // namespace

void register_bench(CLI::App& program, Action& action) {
  const auto options = std::make_shared<BenchVerbOptions>();
  CLI::App& verb = add_verb(
      program, action, "bench", "Measure what a scan costs on this machine",
      "Runs made-up tokens through a model: the network alone, a scan without attention, and the whole scan, with "
      "llama.cpp's own products and with the faster ones, in turns. Prints the fastest and the median pass, peak "
      "memory, where the time of the fastest pass went, and products and attention as a share of what oneDNN's own "
      "products reach here.",
      {{"sinkscope bench -m model.gguf", "512, 2048 and 8192 tokens"},
       {"sinkscope bench -m model.gguf -n 2048 --repeat 3 --json -", "as JSON"}},
      [options] { return bench(*options); });
  add_model_options(verb, options->model);
  const std::string group = "Benchmark";
  verb.add_option("-n,--tokens", options->n_tokens, "Lengths of the texts (512,2048,8192)")
      ->type_name("N,...")
      ->delimiter(',')
      ->check(whole_number(1, 1 << 24))
      ->allow_extra_args(false)
      ->group(group);
  verb.add_option("--repeat", options->repeats, "Passes of each (5)")
      ->type_name("N")
      ->check(whole_number(1, 1000))
      ->group(group);
  verb.add_flag("--no-native", options->no_native, "Leave out llama.cpp's own products")->group(group);
  add_json_option(verb, options->json, MadeKind::kBench);
}

}  // namespace sinkscope
