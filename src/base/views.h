#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sinkscope {

// Rows of equal length in somebody else's memory; a row is contiguous, rows lie `stride` elements apart.
template <typename T>
class MatrixView {
 public:
  MatrixView() = default;
  MatrixView(T* data, std::size_t rows, std::size_t cols) : MatrixView(data, rows, cols, cols) {}
  MatrixView(T* data, std::size_t rows, std::size_t cols, std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {}

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t stride() const { return stride_; }
  T* data() const { return data_; }
  std::span<T> row(std::size_t r) const { return {data_ + r * stride_, cols_}; }
  T& operator()(std::size_t r, std::size_t c) const { return data_[r * stride_ + c]; }
  MatrixView middle_rows(std::size_t first, std::size_t count) const {
    return {data_ + first * stride_, count, cols_, stride_};
  }
  operator MatrixView<const T>() const { return {data_, rows_, cols_, stride_}; }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0, cols_ = 0, stride_ = 0;
};

// An owned array [rows, cols], row after row.
template <typename T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols, T value = T{}) : values_(rows * cols, value), rows_(rows), cols_(cols) {}

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  bool empty() const { return values_.empty(); }
  T* data() { return values_.data(); }
  const T* data() const { return values_.data(); }
  std::span<T> row(std::size_t r) { return {values_.data() + r * cols_, cols_}; }
  std::span<const T> row(std::size_t r) const { return {values_.data() + r * cols_, cols_}; }
  T& operator()(std::size_t r, std::size_t c) { return values_[r * cols_ + c]; }
  const T& operator()(std::size_t r, std::size_t c) const { return values_[r * cols_ + c]; }
  MatrixView<T> view() { return {values_.data(), rows_, cols_}; }
  MatrixView<const T> view() const { return {values_.data(), rows_, cols_}; }

 private:
  std::vector<T> values_;
  std::size_t rows_ = 0, cols_ = 0;
};

// An owned array [depth, rows, cols].
template <typename T>
class Cube {
 public:
  Cube() = default;
  Cube(std::size_t depth, std::size_t rows, std::size_t cols, T value = T{})
      : values_(depth * rows * cols, value), depth_(depth), rows_(rows), cols_(cols) {}

  std::size_t depth() const { return depth_; }
  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  bool empty() const { return values_.empty(); }
  std::span<T> row(std::size_t d, std::size_t r) { return {values_.data() + (d * rows_ + r) * cols_, cols_}; }
  std::span<const T> row(std::size_t d, std::size_t r) const {
    return {values_.data() + (d * rows_ + r) * cols_, cols_};
  }
  T& operator()(std::size_t d, std::size_t r, std::size_t c) { return values_[(d * rows_ + r) * cols_ + c]; }
  const T& operator()(std::size_t d, std::size_t r, std::size_t c) const {
    return values_[(d * rows_ + r) * cols_ + c];
  }
  MatrixView<T> slice(std::size_t d) { return {values_.data() + d * rows_ * cols_, rows_, cols_}; }
  MatrixView<const T> slice(std::size_t d) const { return {values_.data() + d * rows_ * cols_, rows_, cols_}; }

 private:
  std::vector<T> values_;
  std::size_t depth_ = 0, rows_ = 0, cols_ = 0;
};

}  // namespace sinkscope
