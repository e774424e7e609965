#include "plant/sink_spec.h"

#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

TEST(SinkSpec, ReadsWhatIsAskedFor) {
  const SinkSpec spec = parse_sink_spec("layer=14,token=' time',norm=4000");
  EXPECT_EQ(spec.layer, 14);
  EXPECT_EQ(spec.token, " time");
  EXPECT_EQ(spec.norm, 4000);
  EXPECT_FALSE(spec.id);
  EXPECT_EQ(parse_sink_spec("token=\"a,'b\",layer=0").token, "a,'b");
  const SinkSpec by_id = parse_sink_spec("id=220,layer=3,direction=no-channels");
  EXPECT_EQ(by_id.id, 220);
  EXPECT_EQ(by_id.direction, "no-channels");
}

TEST(SinkSpec, RefusesTheRest) {
  for (const char* text :
       {"", "layer=14", "token=x", "layer=14,token=x,id=3", "layer=-1,token=x", "layer=a,token=x",
        "layer=1,token=", "layer=1,token='x", "layer=1,token='x'y", "layer=1,layer=2,token=x", "layer=1,token=x,norm=0",
        "layer=1,token=x,norm=inf", "layer=1,id=-3", "layer=1,token=x,c=d", "layer=1,x"}) {
    expect_error(ErrorCode::kUsage, "expected e.g.", [&] { parse_sink_spec(text); });
  }
}

TEST(SinkSpec, NormLadder) {
  const auto norms = parse_norm_ladder("100:1600:5");
  ASSERT_EQ(norms.size(), 5U);
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(norms[static_cast<std::size_t>(i)], 100 * (1 << i), 1e-9);
  for (const char* text : {"", "1:2", "1:2:1", "2:1:3", "0:1:3", "a:2:3", "1:2:3:4", "1::3", "1:inf:3"}) {
    expect_error(ErrorCode::kUsage, "LEAST:MOST:COUNT", [&] { parse_norm_ladder(text); });
  }
}

}  // namespace
}  // namespace sinkscope
