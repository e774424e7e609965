#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <map>
#include <memory>
#include <vector>

namespace sinkscope::accel {

// The type of both factors of a product; results are float32.
enum class Number { kF32, kBf16 };
inline std::size_t bytes_of(Number number) { return number == Number::kF32 ? 4 : 2; }

// How the right factor b [k, n] of a product lies in memory.
enum class RightForm {
  kBlocks,   // blocks of kBlockColumns columns, each [k in steps of 16 or 32, columns, pairs]: oneDNN's own
  kColumns,  // b(i, j) at j * ldb + i: rows of weights, keys
  kRows,     // b(i, j) at i * ldb + j: values
};
inline constexpr int kBlockColumns = 64;

// c[m, n] (+)= a[m, k] b[k, n]; a and, with ldc = 0, c are contiguous.
struct MatmulShape {
  int m = 0, n = 0, k = 0;
  int ldb = 0;  // of kColumns and kRows
  int ldc = 0;
  RightForm form = RightForm::kColumns;
  Number number = Number::kF32;
  bool accumulate = false;
  auto operator<=>(const MatmulShape&) const = default;
};

// A compiled product. run() is called by one thread for each `thread` at a time.
class Operation {
 public:
  struct Parts;
  explicit Operation(std::unique_ptr<Parts> parts);
  ~Operation();
  // Makes room for n_threads threads; not while any runs.
  void prepare(int n_threads);
  // returns  false if oneDNN reports an error
  bool run(int thread, const void* a, const void* b, void* c) const noexcept;

 private:
  std::unique_ptr<Parts> parts_;
};

// oneDNN's products, compiled at first use. Not to be called from several threads at once; what it returns may be.
//
// Every operation runs on the thread that calls it. In a parallel region call single_threaded() first: oneDNN
// would otherwise expect a team of threads of its own and silently leave out their part.
class Onednn {
 public:
  Onednn();
  ~Onednn();

  // The form in which right factors are multiplied fastest: kBlocks or, on older processors, kColumns.
  RightForm packed_form(Number number);
  // Rows of b that a block holds for k: k rounded up.
  static int block_rows(int k, Number number) {
    return (k + row_step(number) - 1) / row_step(number) * row_step(number);
  }
  static int row_step(Number number) { return number == Number::kF32 ? 16 : 32; }

  const Operation& matmul(const MatmulShape& shape, int n_threads);

  static void single_threaded();
  static bool has_amx();
  static bool has_bf16();
  static bool is_intel();
  // "AVX512-BF16 without AMX", ...
  static const char* instructions();

 private:
  struct Engine;
  std::unique_ptr<Engine> engine_;
  std::map<MatmulShape, std::unique_ptr<Operation>> matmuls_;
  std::array<int, 2> packed_form_ = {-1, -1};
};

}  // namespace sinkscope::accel
