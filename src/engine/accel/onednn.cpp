#include "engine/accel/onednn.h"

#include <omp.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"
#include "engine/accel/held_signals.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace sinkscope::accel {
namespace {

using dnnl::memory;

memory::data_type type_of(Number number) {
  return number == Number::kF32 ? memory::data_type::f32 : memory::data_type::bf16;
}

memory::format_tag block_tag(Number number) {
  return number == Number::kF32 ? memory::format_tag::BA16a64b : memory::format_tag::BA16a64b2a;
}

// oneDNN plans a primitive for as many threads as OpenMP would give it where it is made.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

[[noreturn]] void throw_onednn(const dnnl::error& error) {
  throw Error(ErrorCode::kModel, std::string("oneDNN: expected to make a product, got: ") + error.what() +
                                     "; --precision native works without it");
}

memory::desc left_desc(const MatmulShape& s) {
  return {memory::dims{s.m, s.k}, type_of(s.number), memory::dims{s.k, 1}};
}

memory::desc right_desc(const MatmulShape& s) {
  const memory::dims dims{s.k, s.n};
  switch (s.form) {
    case RightForm::kBlocks:
      return {dims, type_of(s.number), block_tag(s.number)};
    case RightForm::kColumns:
      return {dims, type_of(s.number), memory::dims{1, s.ldb}};
    case RightForm::kRows:
      return {dims, type_of(s.number), memory::dims{s.ldb, 1}};
  }
  return {};
}

memory::desc result_desc(const MatmulShape& s) {
  return {memory::dims{s.m, s.n}, memory::data_type::f32, memory::dims{s.ldc ? s.ldc : s.n, 1}};
}

}  // namespace

struct Onednn::Engine {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
};

struct Operation::Parts {
  // The arguments of one thread; their addresses are set before each run.
  struct Arguments {
    dnnl::stream stream;
    std::vector<memory> memories;
    std::vector<dnnl_exec_arg_t> list;
    std::vector<unsigned char> scratch;
  };

  dnnl::engine engine;
  dnnl::primitive primitive;
  memory::desc a, b, c, scratchpad;
  std::vector<Arguments> threads;

  Arguments make_arguments() const {
    Arguments arguments;
    arguments.stream = dnnl::stream(engine);
    const auto add = [&](int name, const memory::desc& desc) {
      arguments.memories.emplace_back(desc, engine, nullptr);
      arguments.list.push_back({name, arguments.memories.back().get()});
    };
    add(DNNL_ARG_SRC, a);
    add(DNNL_ARG_DST, c);
    add(DNNL_ARG_WEIGHTS, b);
    if (scratchpad.get_size() > 0) {
      constexpr std::size_t kAlignment = 64;
      arguments.scratch.resize(scratchpad.get_size() + kAlignment);
      add(DNNL_ARG_SCRATCHPAD, scratchpad);
      auto address = reinterpret_cast<std::uintptr_t>(arguments.scratch.data());
      address = (address + kAlignment - 1) / kAlignment * kAlignment;
      arguments.memories.back().set_data_handle(reinterpret_cast<void*>(address));
    }
    return arguments;
  }
};

Operation::Operation(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Operation::~Operation() = default;

void Operation::prepare(int n_threads) {
  while (static_cast<int>(parts_->threads.size()) < n_threads) parts_->threads.push_back(parts_->make_arguments());
}

bool Operation::run(int thread, const void* a, const void* b, void* c) const noexcept {
  Parts::Arguments& arguments = parts_->threads[static_cast<std::size_t>(thread)];
  const auto set = [&](std::size_t i, const void* address) {
    return dnnl_memory_set_data_handle(arguments.memories[i].get(), const_cast<void*>(address)) == dnnl_success;
  };
  if (!set(0, a) || !set(1, c) || !set(2, b)) return false;
  if (omp_get_thread_num() > 0) hold_signals_for_good();
  const HeldSignals held;
  return dnnl_primitive_execute(parts_->primitive.get(), arguments.stream.get(),
                                static_cast<int>(arguments.list.size()), arguments.list.data()) == dnnl_success;
}

Onednn::Onednn() : engine_(std::make_unique<Engine>()) {}
Onednn::~Onednn() = default;

void Onednn::single_threaded() { omp_set_num_threads(1); }

bool Onednn::has_amx() { return dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core_amx; }

bool Onednn::has_bf16() {
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_fp16 || has_amx();
}

bool Onednn::is_intel() {
#if defined(__x86_64__)
  return __builtin_cpu_is("intel");
#else
  return false;
#endif
}

const char* Onednn::instructions() {
  if (has_amx()) return "AMX";
  if (has_bf16()) return "AVX512-BF16 without AMX";
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  if (isa >= dnnl::cpu_isa::avx512_core) return "AVX-512";
  return isa >= dnnl::cpu_isa::avx2 ? "AVX2" : "SSE4.1";
}

RightForm Onednn::packed_form(Number number) {
  int& known = packed_form_[number == Number::kF32 ? 0 : 1];
  if (known < 0) {
    // oneDNN's own choice for an ordinary product: our blocks, or a plain layout.
    const OneThread guard;
    const memory::dims a{128, 512}, b{512, 256}, c{128, 256};
    memory::desc chosen;
    try {
      const dnnl::matmul::primitive_desc plan(engine_->engine, {a, type_of(number), memory::format_tag::ab},
                                              {b, type_of(number), memory::format_tag::any},
                                              {c, memory::data_type::f32, memory::format_tag::ab});
      chosen = plan.weights_desc();
    } catch (const dnnl::error& error) {
      throw_onednn(error);
    }
    known = static_cast<int>(chosen == memory::desc(b, type_of(number), block_tag(number)) ? RightForm::kBlocks
                                                                                           : RightForm::kColumns);
  }
  return static_cast<RightForm>(known);
}

const Operation& Onednn::matmul(const MatmulShape& shape, int n_threads) {
  std::unique_ptr<Operation>& operation = matmuls_[shape];
  if (!operation) {
    const OneThread guard;
    auto parts = std::make_unique<Operation::Parts>();
    try {
      dnnl::primitive_attr attributes;
      attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
      if (shape.accumulate) {
        dnnl::post_ops sum;
        sum.append_sum(1.0F);
        attributes.set_post_ops(sum);
      }
      const dnnl::matmul::primitive_desc plan(engine_->engine, left_desc(shape), right_desc(shape), result_desc(shape),
                                              attributes);
      parts->engine = engine_->engine;
      parts->primitive = dnnl::matmul(plan);
      parts->a = plan.src_desc();
      parts->b = plan.weights_desc();
      parts->c = plan.dst_desc();
      parts->scratchpad = plan.scratchpad_desc();
    } catch (const dnnl::error& error) {
      throw_onednn(error);
    }
    operation = std::make_unique<Operation>(std::move(parts));
  }
  operation->prepare(n_threads);
  return *operation;
}

}  // namespace sinkscope::accel
