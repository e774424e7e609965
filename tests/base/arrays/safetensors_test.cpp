#include "base/arrays/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <sstream>

#include "base/error.h"

namespace sinkscope {
namespace {

class Safetensors : public testing::Test {
 protected:
  void SetUp() override {
    path_ =
        testing::TempDir() + "sinkscope_safetensors_" + testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  void TearDown() override { std::filesystem::remove(path_); }

  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  // A file with this header and so many bytes behind it.
  void write_header(const std::string& header, std::size_t n_bytes) const {
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size() & 0xFF);
    bytes[1] = static_cast<char>(header.size() >> 8);
    write(bytes + header + std::string(n_bytes, '\0'));
  }
  std::string refusal(const std::function<void()>& act) const {
    try {
      act();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      return error.what();
    }
    ADD_FAILURE() << "expected an error";
    return "";
  }

  std::string path_;
};

TEST_F(Safetensors, WhatIsWrittenReadsBack) {
  Matrix<float> first(2, 3), second(1, 1);
  for (std::size_t i = 0; i < 6; ++i) first.data()[i] = static_cast<float>(i) + 0.25F;
  second(0, 0) = -7;
  std::ostringstream out;
  const NamedMatrix arrays[] = {{"inputs", first.view()}, {"b", second.view()}};
  const TextPair metadata[] = {{"schema", "a \"quoted\" name"}};
  write_safetensors_arrays(arrays, metadata, out);
  EXPECT_EQ((out.str().size() - 8 - 7 * 4) % 8, 0U);  // arrays begin on a multiple of 8
  write(out.str());
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.names(), (std::vector<std::string>{"b", "inputs"}));
  const Matrix<float> read = file.matrix("inputs");
  ASSERT_EQ(read.rows(), 2U);
  ASSERT_EQ(read.cols(), 3U);
  EXPECT_EQ(read(1, 2), 5.25F);
  EXPECT_EQ(file.matrix("b")(0, 0), -7);
  EXPECT_NE(refusal([&] { file.matrix("outputs"); }).find("got 'b', 'inputs'"), std::string::npos);
}

TEST_F(Safetensors, BrokenFilesAreRefused) {
  const auto open = [&] { SafetensorsFile file(path_); };
  EXPECT_NE(refusal(open).find("cannot be read"), std::string::npos);
  write("short");
  refusal(open);
  write(std::string(8, '\xFF') + "{}");  // a header of 2^64 - 1 bytes
  refusal(open);
  write_header("[]", 0);
  refusal(open);
  write_header("{\"a\":", 0);
  refusal(open);
  write_header(R"({"a":{"dtype":"F32","shape":[1,1]}})", 4);
  refusal(open);
  write_header(R"({"a":{"dtype":"F32","shape":[1,-1],"data_offsets":[0,4]}})", 4);
  refusal(open);
  write_header(R"({"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})", 4);  // outside
  refusal(open);
  write_header(R"({"a":{"dtype":"F32","shape":[1,1],"data_offsets":[4,0]}})", 4);
  refusal(open);
  std::string deep = std::string(60'000, '[');
  write_header(deep, 0);
  refusal(open);
}

TEST_F(Safetensors, ArraysThatAreNoFloatMatrixAreRefused) {
  const auto read = [&] { SafetensorsFile(path_).matrix("a"); };
  write_header(R"({"a":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}})", 4);
  EXPECT_NE(refusal(read).find("got F16 [1, 2]"), std::string::npos);
  write_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
  refusal(read);
  write_header(R"({"a":{"dtype":"F32","shape":[3,1],"data_offsets":[0,8]}})", 8);
  refusal(read);
  write_header(R"({"a":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]}})", 0);
  refusal(read);
  // 2^32 x 2^32 elements: a product that is 0 in 64 bits.
  write_header(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0);
  refusal(read);
  Matrix<float> values(2, 2);
  values(1, 0) = std::numeric_limits<float>::infinity();
  std::ostringstream out;
  const NamedMatrix arrays[] = {{"a", values.view()}};
  write_safetensors_arrays(arrays, {}, out);
  write(out.str());
  EXPECT_NE(refusal(read).find("row 1"), std::string::npos);
}

}  // namespace
}  // namespace sinkscope
