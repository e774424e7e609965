// The device as it is in a build without oneDNN: compiled here beside the one with it.
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/accel/device.h"
#include "engine/accel/peak.h"

namespace sinkscope {
namespace {

TEST(WithoutOnednn, AutoIsNativeAndSaysThatItIsSlower) {
  for (const Precision requested : {Precision::kAuto, Precision::kNative}) {
    const ResolvedPrecision resolved = resolve_precision(requested);
    EXPECT_EQ(resolved.precision, Precision::kNative);
    EXPECT_NE(resolved.why.find("slower"), std::string::npos) << resolved.why;
  }
}

TEST(WithoutOnednn, OtherPrecisionsAreRefusedWithWhatToDo) {
  for (const Precision requested : {Precision::kBf16, Precision::kF32}) {
    try {
      resolve_precision(requested);
      ADD_FAILURE() << name_of(requested) << " was not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_NE(std::string(error.what()).find("SINKSCOPE_ONEDNN_DIR"), std::string::npos) << error.what();
    }
  }
}

TEST(WithoutOnednn, TheDeviceRegistersAndNothingIsMeasured) {
  register_accel_device();
  EXPECT_FALSE(measure_product_peaks(1).bf16.has_value());
  EXPECT_FALSE(measure_product_peaks(1).f32.has_value());
}

}  // namespace
}  // namespace sinkscope
