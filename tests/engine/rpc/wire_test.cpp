#include "engine/rpc/wire.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/engine/rpc/number.h"

namespace sinkscope::rpc {
namespace {

std::string request(Command command, const std::string& body) {
  return static_cast<char>(command) + number(body.size()) + body;
}

// Requests with and without answers, of bodies shorter and longer than 8 bytes.
std::string some_requests() {
  return request(Command::kHello, std::string(24, 'h')) + request(Command::kSetTensor, std::string(1000, 't')) +
         request(Command::kDeviceCount, "") + request(Command::kGetTensor, std::string(300, 'x') + number(4096)) +
         request(Command::kFreeBuffer, number(7)) + request(Command::kGetTensor, std::string(300, 'y') + number(0)) +
         request(Command::kSetTensorHash, std::string(40, 'z'));
}

TEST(Wire, AnswersThatRequestsAskForInPiecesOfAnyLength) {
  const std::string bytes = some_requests();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{8}, std::size_t{500}, bytes.size()}) {
    Requests requests;
    std::deque<Awaited> awaited;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      requests.read(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)), awaited);
    }
    ASSERT_EQ(awaited.size(), 5U) << piece;
    const std::pair<Command, std::uint64_t> wanted[] = {{Command::kHello, 28},
                                                        {Command::kDeviceCount, 4},
                                                        {Command::kGetTensor, 4096},
                                                        {Command::kGetTensor, 0},
                                                        {Command::kSetTensorHash, 1}};
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(awaited[i].command, wanted[i].first) << i;
      EXPECT_EQ(awaited[i].n_bytes, wanted[i].second) << i;
    }
  }
}

TEST(Wire, ARequestThatHasNotEndedAsksForNothing) {
  const std::string bytes = request(Command::kHello, std::string(24, 'h'));
  Requests requests;
  std::deque<Awaited> awaited;
  requests.read(std::span(bytes).first(bytes.size() - 1), awaited);
  EXPECT_TRUE(awaited.empty());
  requests.read(std::span(bytes).last(1), awaited);
  EXPECT_EQ(awaited.size(), 1U);
}

TEST(Wire, StandInsAreWhatTheyStandFor) {
  for (int command = 0; command <= static_cast<int>(Command::kMemsetTensor); ++command) {
    const std::string bytes = request(static_cast<Command>(command), std::string(32, 'b') + number(100));
    Requests requests;
    std::deque<Awaited> awaited;
    requests.read(bytes, awaited);
    if (awaited.empty()) continue;
    const std::string answer = stand_in_for(awaited.front());
    EXPECT_EQ(answer.size(), awaited.front().whole()) << command;
    EXPECT_EQ(answer.substr(0, 8), number(awaited.front().n_bytes)) << command;
    // A server without devices is one that llama.cpp leaves alone, but no right one.
    EXPECT_EQ(fault_of(awaited.front(), answer).empty(), awaited.front().command != Command::kDeviceCount) << command;
  }
}

TEST(Wire, FaultsOfAnswers) {
  const Awaited hello{Command::kHello, 28}, count{Command::kDeviceCount, 4};
  const std::string right = number(28) + std::string("\7\0\1", 3) + std::string(25, '\0');
  EXPECT_EQ(fault_of(hello, right), "");
  EXPECT_NE(fault_of(hello, number(28) + '\6' + std::string(27, '\0')).find("protocol 6.0 in place of 7.0"), std::string::npos);
  EXPECT_NE(fault_of(hello, number(28) + "\7\1" + std::string(26, '\0')), "") << "a later one";
  EXPECT_EQ(fault_of(hello, number(27)), "an answer of 27 bytes in place of 28");
  EXPECT_EQ(fault_of(count, number(4) + std::string("\1\0\0\0", 4)), "");
  EXPECT_NE(fault_of(count, number(4) + std::string("\0\0\0\1", 4)), "");
}

}  // namespace
}  // namespace sinkscope::rpc
