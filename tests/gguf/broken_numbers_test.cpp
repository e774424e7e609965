#include "gguf/broken_numbers.h"

#include <gtest/gtest.h>

#include <limits>

#include "gguf/writer.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

TEST(BrokenNumbers, AreNamedByTensorAndPlace) {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.gguf");
  std::vector<NewGgufTensor> tensors = {{"a.weight", {2, 2}, kGgufF32, {1, 2, 3, 4}},
                                        {"b.weight", {4}, kGgufF16, {1, -2, 0, 65504}}};
  GgufMetadata metadata;
  metadata.set_text("general.architecture", "llama");
  write_gguf(metadata, tensors, path);
  EXPECT_FALSE(find_broken_number(path));
  tensors[1].values[2] = std::numeric_limits<float>::infinity();
  tensors[1].type = kGgufF32;
  tensors.push_back({"c.weight", {2}, kGgufF32, {std::numeric_limits<float>::quiet_NaN(), 1}});
  write_gguf(metadata, tensors, path);
  const auto broken = find_broken_number(path);
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->file, path);
  EXPECT_EQ(broken->tensor, "b.weight");
  EXPECT_EQ(broken->place, 2);
  EXPECT_EQ(broken->count, 1);
}

}  // namespace
}  // namespace sinkscope
