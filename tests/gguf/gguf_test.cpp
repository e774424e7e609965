#include <ggml.h>
#include <gguf.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "gguf/file.h"
#include "gguf/writer.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

class GgufTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.file(name); }

  static GgufMetadata metadata() {
    GgufMetadata metadata;
    metadata.set_text("general.architecture", "llama");
    metadata.set_u32("llama.block_count", 3);
    metadata.set_f32("llama.eps", 0.5F);
    metadata.set_flag("llama.flag", true);
    metadata.set_i32s("llama.list", std::vector<std::int32_t>{4, -5});
    metadata.set_texts("tokens", std::vector<std::string>{"a", "", "ccc"});
    return metadata;
  }
  static std::vector<NewGgufTensor> tensors() {
    return {{"a", {2, 3}, kGgufF32, {1, 2, 3, 4, 5, 6}}, {"b", {4}, kGgufF16, {0.5F, -1, 2, 65504}}};
  }

  const TemporaryFolder folder_;
};

TEST_F(GgufTest, ReadsBackWhatItWrote) {
  write_gguf(metadata(), tensors(), path("m.gguf"));
  const GgufFile file(path("m.gguf"));
  EXPECT_EQ(file.metadata().text("general.architecture"), "llama");
  EXPECT_EQ(file.metadata().integer("llama.block_count"), 3);
  EXPECT_EQ(file.metadata().number("llama.eps"), 0.5);
  EXPECT_EQ(file.metadata().flag("llama.flag"), true);
  EXPECT_EQ(file.metadata().integers("llama.list"), (std::vector<std::int64_t>{4, -5}));
  EXPECT_EQ(file.metadata().texts("tokens"), (std::vector<std::string>{"a", "", "ccc"}));
  EXPECT_FALSE(file.metadata().integer("llama.eps"));
  EXPECT_FALSE(file.metadata().integer("missing"));
  ASSERT_EQ(file.tensors().size(), 2U);
  EXPECT_EQ(file.tensors()[0].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(file.to_floats(*file.find("a")), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(file.to_floats(*file.find("b")), (std::vector<float>{0.5F, -1, 2, 65504}));
}

TEST_F(GgufTest, GgmlReadsTheSame) {
  write_gguf(metadata(), tensors(), path("m.gguf"));
  ggml_context* data = nullptr;
  gguf_context* gguf = gguf_init_from_file(path("m.gguf").c_str(), {false, &data});
  ASSERT_NE(gguf, nullptr);
  EXPECT_STREQ(gguf_get_val_str(gguf, gguf_find_key(gguf, "general.architecture")), "llama");
  EXPECT_STREQ(gguf_get_arr_str(gguf, gguf_find_key(gguf, "tokens"), 2), "ccc");
  const ggml_tensor* a = ggml_get_tensor(data, "a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->ne[0], 3);  // ggml names the fastest axis first
  EXPECT_EQ(a->ne[1], 2);
  EXPECT_EQ(static_cast<const float*>(a->data)[5], 6.0F);
  gguf_free(gguf);
  ggml_free(data);
}

TEST_F(GgufTest, CopyWithoutReplacementIsEqualByteForByte) {
  write_gguf(metadata(), tensors(), path("m.gguf"));
  write_gguf_copy(GgufFile(path("m.gguf")), {}, path("copy.gguf"));
  EXPECT_EQ(bytes_of_file(path("m.gguf")), bytes_of_file(path("copy.gguf")));
}

TEST_F(GgufTest, CopyReplacesOneTensorOnly) {
  write_gguf(metadata(), tensors(), path("m.gguf"));
  const GgufFile source(path("m.gguf"));
  const std::vector<NewGgufTensor> replaced = {{"a", {2, 3}, kGgufF16, {6, 5, 4, 3, 2, 1}}};
  write_gguf_copy(source, replaced, path("copy.gguf"));
  const GgufFile copy(path("copy.gguf"));
  EXPECT_EQ(copy.find("a")->type, kGgufF16);
  EXPECT_EQ(copy.to_floats(*copy.find("a")), (std::vector<float>{6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(copy.to_floats(*copy.find("b")), source.to_floats(*source.find("b")));
  EXPECT_EQ(copy.metadata().texts("tokens"), source.metadata().texts("tokens"));
}

TEST_F(GgufTest, DequantisesAsGgmlQuantised) {
  // Q8_0 with a scale of 1/127 of the largest holds multiples of it exactly but for the half-precision scale.
  std::vector<float> values(64);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - 32;
  ggml_context* context = ggml_init({1 << 20, nullptr, false});
  ggml_tensor* tensor = ggml_new_tensor_2d(context, GGML_TYPE_Q8_0, 32, 2);
  ggml_set_name(tensor, "q");
  ggml_quantize_chunk(GGML_TYPE_Q8_0, values.data(), tensor->data, 0, 2, 32, nullptr);
  gguf_context* gguf = gguf_init_empty();
  gguf_add_tensor(gguf, tensor);
  ASSERT_TRUE(gguf_write_to_file(gguf, path("q.gguf").c_str(), false));
  gguf_free(gguf);
  ggml_free(context);
  const GgufFile file(path("q.gguf"));
  EXPECT_EQ(gguf_type_name(file.find("q")->type), "q8_0");
  const auto read_back = file.to_floats(*file.find("q"));
  ASSERT_EQ(read_back.size(), values.size());
  // Half a step of 32/127 and what the half-precision scale loses.
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(read_back[i], values[i], 0.15) << i;
}

TEST_F(GgufTest, EveryTruncationIsRefused) {
  write_gguf(metadata(), tensors(), path("m.gguf"));
  const std::string whole = bytes_of_file(path("m.gguf"));
  // The last tensor's 8 bytes are followed by padding to 32, which may be missing.
  for (std::size_t length = 0; length + 24 < whole.size(); ++length) {
    write_bytes(path("cut.gguf"), whole.substr(0, length));
    error_message(ErrorCode::kModel, [&] { GgufFile file(path("cut.gguf")); });
  }
}

TEST_F(GgufTest, BitFlipsGiveErrorsOrReadableFiles) {
  write_gguf(metadata(), tensors(), path("m.gguf"));
  const std::string whole = bytes_of_file(path("m.gguf"));
  int refused = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += 3) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    write_bytes(path("flip.gguf"), flipped);
    try {
      const GgufFile file(path("flip.gguf"));
      for (const GgufTensor& tensor : file.tensors()) file.to_floats(tensor);
      for (const auto& entry : file.metadata().entries()) {
        file.metadata().integer(entry.key);
        file.metadata().number(entry.key);
        file.metadata().flag(entry.key);
        file.metadata().text(entry.key);
        file.metadata().numbers(entry.key);
        file.metadata().texts(entry.key);
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModel);
      ++refused;
    }
  }
  EXPECT_GT(refused, 200);
}

TEST_F(GgufTest, RandomBytesAfterTheMarkGiveErrors) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string bytes = "GGUF";
    bytes += std::string("\3\0\0\0", 4);
    while (bytes.size() < 300) bytes.push_back(static_cast<char>(random()));
    write_bytes(path("random.gguf"), bytes);
    error_message(ErrorCode::kModel, [&] { GgufFile file(path("random.gguf")); });
  }
}

TEST_F(GgufTest, RefusesWhatIsNoModel) {
  error_message(ErrorCode::kModel, [&] { GgufFile file(path("missing.gguf")); });
  error_message(ErrorCode::kModel, [&] { GgufFile file(folder_.path().string()); });
  write_bytes(path("text.gguf"), "hello, world");
  error_message(ErrorCode::kModel, [&] { GgufFile file(path("text.gguf")); });
  write_bytes(path("empty.gguf"), "");
  error_message(ErrorCode::kModel, [&] { GgufFile file(path("empty.gguf")); });
}

// Readers look for keys and tensors one by one.
TEST_F(GgufTest, RefusesMoreThanRealFilesHave) {
  const auto refused = [&](const GgufMetadata& large, const std::vector<NewGgufTensor>& tensors,
                           const std::string& got) {
    write_gguf(large, tensors, path("large.gguf"));
    expect_error(ErrorCode::kModel, got, [&] { GgufFile(path("large.gguf")); });
  };
  GgufMetadata many;
  for (int i = 0; i < 4096; ++i) many.set_flag("key." + std::to_string(i), true);
  write_gguf(many, tensors(), path("many.gguf"));
  EXPECT_EQ(GgufFile(path("many.gguf")).metadata().entries().size(), 4096U);
  many.set_flag("one.more", true);
  refused(many, tensors(), "a number of keys of 4097, more than 4096");
  GgufMetadata long_key, long_text, long_token;
  long_key.set_flag(std::string(1025, 'k'), true);
  refused(long_key, tensors(), "a key of 1025 bytes");
  long_text.set_text("text", std::string((1 << 20) + 1, 't'));
  refused(long_text, tensors(), "a text of 1048577 bytes");
  long_token.set_texts("tokens", std::vector<std::string>{"a", std::string((1 << 16) + 1, 't')});
  refused(long_token, tensors(), "a text of 65537 bytes");
  std::vector<NewGgufTensor> tensors;
  for (int i = 0; i <= 16384; ++i) tensors.push_back({"t" + std::to_string(i), {1}, kGgufF32, {1}});
  refused(metadata(), tensors, "a number of tensors of 16385, more than 16384");
}

TEST_F(GgufTest, WriterRefusesWhatDoesNotFit) {
  const std::vector<NewGgufTensor> short_tensor = {{"a", {2, 3}, kGgufF32, {1, 2}}};
  error_message(ErrorCode::kInternal, [&] { write_gguf({}, short_tensor, path("m.gguf")); });
  const std::vector<NewGgufTensor> large = {{"a", {1}, kGgufF16, {1e6F}}};
  error_message(ErrorCode::kInternal, [&] { write_gguf({}, large, path("m.gguf")); });
  write_gguf(metadata(), tensors(), path("m.gguf"));
  const std::vector<NewGgufTensor> unknown = {{"c", {1}, kGgufF32, {1}}};
  error_message(ErrorCode::kInternal, [&] { write_gguf_copy(GgufFile(path("m.gguf")), unknown, path("c.gguf")); });
}

TEST_F(GgufTest, FullDiskLeavesTheEarlierFileWhole) {
  write_gguf(metadata(), tensors(), path("m.gguf"));
  const std::string before = bytes_of_file(path("m.gguf"));
  // A limit on file size stands for a full disk: write() fails after the first bytes.
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlim_t earlier = limit.rlim_cur;
  limit.rlim_cur = 64;
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  error_message(ErrorCode::kOutput, [&] { write_gguf(metadata(), tensors(), path("m.gguf")); });
  limit.rlim_cur = earlier;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_EQ(bytes_of_file(path("m.gguf")), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}),
            1);  // nothing half written stays behind
  error_message(ErrorCode::kOutput, [&] { write_gguf({}, {}, path("no/such/folder/m.gguf")); });
}

}  // namespace
}  // namespace sinkscope
