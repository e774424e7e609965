#include "sinks/direction.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/vectors.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

const std::vector<float> kAxis = {0, 30, 0, 0, -4, 0, 1, 2, 3, 0};
const std::vector<float> kMean = {0, 0, 0, 2, 0, 0, 0, 0, 0, 0};
const std::vector<float> kToken = {0, 0, 0, 0, 0, 5, 0, 0, 0, 0};

std::vector<float> made(const std::string& name, std::uint64_t seed = 1) {
  return unit_direction(parse_direction(name), {kAxis, kMean, kToken}, seed);
}

TEST(Direction, AllHaveLengthOne) {
  for (const char* name : {"axis", "opposite", "orthogonal", "permuted", "channel", "no-channels", "mean", "token:7"}) {
    EXPECT_NEAR(length_of(made(name)), 1, 1e-6) << name;
  }
}

TEST(Direction, OneHotCases) {
  EXPECT_EQ(made("channel"), (std::vector<float>{0, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(made("mean"), (std::vector<float>{0, 0, 0, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(made("token:7"), (std::vector<float>{0, 0, 0, 0, 0, 1, 0, 0, 0, 0}));
  // The four largest of the axis, 30, -4, 3 and 2, are gone; 1 is left.
  EXPECT_EQ(made("no-channels"), (std::vector<float>{0, 0, 0, 0, 0, 0, 1, 0, 0, 0}));
}

TEST(Direction, OppositeAndOrthogonal) {
  EXPECT_NEAR(dot(made("axis"), made("opposite")), -1, 1e-6);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) EXPECT_NEAR(dot(made("axis"), made("orthogonal", seed)), 0, 1e-6);
  EXPECT_NE(made("orthogonal", 1), made("orthogonal", 2));
  EXPECT_EQ(made("orthogonal", 3), made("orthogonal", 3));
}

TEST(Direction, PermutedHoldsTheSameNumbers) {
  auto axis = made("axis"), permuted = made("permuted", 4);
  EXPECT_NE(axis, permuted);
  std::sort(axis.begin(), axis.end());
  std::sort(permuted.begin(), permuted.end());
  EXPECT_EQ(axis, permuted);
}

TEST(Direction, FileOfTheUsersOwn) {
  const TemporaryFolder folder;
  const std::string path = folder.file("vector.json");
  std::ofstream(path) << "[0,0,3,0,0,0,0,0,0,-4]";
  EXPECT_EQ(made(path), (std::vector<float>{0, 0, 0.6F, 0, 0, 0, 0, 0, 0, -0.8F}));
  std::ofstream(path) << "[1, 2]";
  expect_error(ErrorCode::kInput, "of 10 numbers", [&] { made(path); });
  std::ofstream(path) << "[1, \"x\"]";
  expect_error(ErrorCode::kInput, "no number", [&] { parse_direction(path); });
  std::ofstream(path) << "not JSON";
  expect_error(ErrorCode::kInput, "JSON array", [&] { parse_direction(path); });
  expect_error(ErrorCode::kInput, "no such file", [&] { parse_direction("sideways"); });
  expect_error(ErrorCode::kUsage, "token:ID", [&] { parse_direction("token:x"); });
}

TEST(Direction, RefusesAVectorOfNoLength) {
  const std::vector<float> nothing(10, 0.0F);
  expect_error(ErrorCode::kInput, "not all 0",
               [&] { unit_direction(parse_direction("token:7"), {kAxis, kMean, nothing}, 1); });
}

}  // namespace
}  // namespace sinkscope
