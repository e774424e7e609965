// Templates of every day under lowered limits: what is checked are the limits, which are ours.
#include "engine/llama/chat_renderer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <new>
#include <string>

#include "base/error.h"
#include "engine/llama/child_process.h"
#include "probe/refused_text.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

using testing::HasSubstr;

constexpr const char* kTemplate =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}";
constexpr const char* kHello = R"([{"role": "user", "content": "hello"}])";

std::string text_of(const RenderedChat& chat) {
  std::string text;
  for (const ChatPiece& piece : chat.pieces) text += piece.text;
  return text;
}

std::string refused_by(ChatRenderer& renderer, const std::string& messages = kHello) {
  try {
    renderer.render(messages, true);
  } catch (const RefusedText& refused) {
    return refused.what();
  }
  return "nothing was refused";
}

TEST(ChatRenderer, RendersAsInThisProcess) {
  ChatRenderer renderer(kTemplate, "<s>", "</s>");
  for (const std::string content : {"hello", "", "\\n\\u4f60 {{ bos_token }}"}) {
    for (const bool awaits : {true, false}) {
      const std::string messages = R"([{"role": "user", "content": ")" + content + R"("}])";
      const auto here = render_chat(kTemplate, messages, "<s>", "</s>", awaits);
      const auto there = renderer.render(messages, awaits);
      ASSERT_EQ(there.pieces.size(), here.pieces.size());
      for (std::size_t i = 0; i < here.pieces.size(); ++i) {
        EXPECT_EQ(there.pieces[i].text, here.pieces[i].text);
        EXPECT_EQ(there.pieces[i].from_message, here.pieces[i].from_message);
      }
    }
  }
  EXPECT_EQ(text_of(renderer.render(kHello, true)), "<s>[user] hello[assistant]");
}

TEST(ChatRenderer, SaysWhoseFaultItIs) {
  ChatRenderer plain(kTemplate, "", "");
  expect_error(ErrorCode::kInput, "a JSON array", [&] { plain.render("{}", true); });
  ChatRenderer broken("{% for %}", "", "");
  expect_error(ErrorCode::kModel, "can be parsed", [&] { broken.render(kHello, true); });
  ChatRenderer strict("{% if messages[0].role != 'user' %}{{ raise_exception('the user first') }}{% endif %}ok", "",
                      "");
  EXPECT_THAT(refused_by(strict, R"([{"role": "system", "content": "x"}])"), HasSubstr("the user first"));
  EXPECT_EQ(text_of(strict.render(kHello, true)), "ok") << "one that was refused does not end it";
}

TEST(ChatRenderer, BoundsTheTemplate) {
  ChatLimits limits;
  EXPECT_EQ(limits.template_bytes, 65536U);
  limits.template_bytes = 100;
  ChatRenderer(std::string(100, 'x'), "", "", limits);
  expect_error(ErrorCode::kModel, "100 at most, got 101", [&] { ChatRenderer(std::string(101, 'x'), "", "", limits); });
  limits = {};
  limits.nesting = 3;
  ChatRenderer("{% if a %}{% for b in c %}{{ [1] }}{% endfor %}{% endif %}{% if a %}{% endif %}{# (((((( #} ((((((", "",
               "", limits);
  for (const char* deep : {"{% if a %}{% for b in c %}{{ [(1)] }}{% endfor %}{% endif %}", "{{ [[[[1]]]] }}",
                           "{%- if a %}{% if a %}{% if a %}{% if a %}x{% endif %}{% endif %}{% endif %}{% endif %}"}) {
    expect_error(ErrorCode::kModel, "3 at most, got 4", [&] { ChatRenderer(deep, "", "", limits); });
  }
}

TEST(ChatRenderer, BoundsWhatComesOut) {
  ChatLimits limits;
  limits.rendered_bytes = 20;
  ChatRenderer renderer(kTemplate, "", "", limits);
  EXPECT_THAT(refused_by(renderer), HasSubstr("came out as 23 bytes, expected 20 at most"));
  EXPECT_EQ(text_of(renderer.render(R"([{"role": "user", "content": "h"}])", true)), "[user] h[assistant]");
}

TEST(ChatRenderer, BoundsTimeAndGivesUpAfterAWhile) {
  ChatLimits limits;
  limits.seconds = 0;  // no conversation can be rendered in no time
  ChatRenderer renderer(kTemplate, "", "", limits);
  EXPECT_THAT(refused_by(renderer), HasSubstr("took longer than it may"));
  EXPECT_THAT(refused_by(renderer), HasSubstr("took longer than it may"));
  expect_error(ErrorCode::kModel, "as 2 others before", [&] { renderer.render(kHello, true); });
}

TEST(ChatRenderer, StopsWhenAsked) {
  ChatRenderer renderer(kTemplate, "", "", {}, [] { return true; });
  expect_error(ErrorCode::kInterrupted, "stopped", [&] { renderer.render(kHello, true); });
}

ChildProcess::Deadline soon(double seconds = 30) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

TEST(ChildProcess, AnswersUntilItEnds) {
  ChildProcess child({std::size_t{256} << 20, 10}, [](std::string_view message) {
    if (message == "end") _exit(0);
    if (message == "signal") raise(SIGKILL);
    return "<" + std::string(message) + ">";
  });
  const std::string large(3 << 20, 'x');
  EXPECT_EQ(child.ask("a", 100, soon(), {}), "<a>");
  EXPECT_EQ(child.ask("", 100, soon(), {}), "<>");
  EXPECT_EQ(child.ask(large, 4 << 20, soon(), {}), "<" + large + ">");
  EXPECT_FALSE(child.ask("signal", 100, soon(), {}));
  EXPECT_THAT(child.why(), HasSubstr("signal 9"));
  EXPECT_FALSE(child.ask("a", 100, soon(), {})) << "it has ended";
}

TEST(ChildProcess, IsEndedWhenItGivesTooMuch) {
  ChildProcess child({std::size_t{256} << 20, 10}, [](std::string_view) { return std::string(101, 'x'); });
  EXPECT_FALSE(child.ask("a", 100, soon(), {}));
  EXPECT_THAT(child.why(), HasSubstr("more than it may"));
}

TEST(ChildProcess, IsEndedWhenItTakesTooLong) {
  ChildProcess child({std::size_t{256} << 20, 10}, [](std::string_view) {
    pause();
    return std::string();
  });
  EXPECT_FALSE(child.ask("a", 100, soon(0.2), {}));
  EXPECT_THAT(child.why(), HasSubstr("longer than it may"));
}

TEST(ChildProcess, HasNoFilesAndLittleMemory) {
  ChildProcess child({std::size_t{64} << 20, 10}, [](std::string_view message) -> std::string {
    if (message == "files") {
      std::string open;
      for (int descriptor = 3; descriptor < 64; ++descriptor) {
        char byte;
        if (descriptor != 3 && (read(descriptor, &byte, 0) == 0 || errno != EBADF))
          open += std::to_string(descriptor) + " ";
      }
      return open;
    }
    try {
      return std::to_string(std::string(std::size_t{256} << 20, 'x').size());
    } catch (const std::bad_alloc&) {
      return "too much";
    }
  });
  EXPECT_EQ(child.ask("files", 1000, soon(), {}), "");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_EQ(child.ask("memory", 1000, soon(), {}), "too much");
#endif
}

}  // namespace
}  // namespace sinkscope
