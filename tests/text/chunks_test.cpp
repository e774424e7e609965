#include "text/chunks.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/expect_error.h"
#include "text/token_spool.h"

namespace sinkscope {
namespace {

using Tokens = std::vector<TokenId>;

TEST(Chunks, OneSequenceGetsBosOnce) {
  const auto with = sequences_of({}, {7, 8, 9}, 0, 1, 0);
  ASSERT_EQ(with.size(), 1U);
  EXPECT_EQ(with[0].tokens, (Tokens{1, 7, 8, 9}));
  EXPECT_EQ(sequences_of({}, {1, 7, 8}, 0, 1, 0)[0].tokens, (Tokens{1, 7, 8}));
  EXPECT_EQ(sequences_of({}, {7, 8, 9}, 0, -1, 0)[0].tokens, (Tokens{7, 8, 9}));
}

TEST(Chunks, AreDisjointAndCoverTheDocument) {
  const auto chunks = sequences_of({"a.txt"}, {10, 11, 12, 13, 14}, 0, 1, 2);
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(chunks[0].tokens, (Tokens{1, 10, 11}));
  EXPECT_EQ(chunks[1].tokens, (Tokens{1, 12, 13}));
  EXPECT_EQ(chunks[2].tokens, (Tokens{1, 14}));
  EXPECT_EQ(chunks[2].chunk_index, 2);
  EXPECT_EQ(chunks[2].n_chunks, 3);
}

TEST(Chunks, PositionsByDocument) {
  const auto chunks = sequences_of({}, {10, 11, 12, 13, 14}, 0, 1, 2);
  // The document alone would be 1 10 11 12 13 14, with 13 at position 4.
  EXPECT_EQ(chunks[0].document_offset + 2, 2);
  EXPECT_EQ(chunks[1].document_offset + 2, 4);
  EXPECT_EQ(chunks[1].document_offset + 1, 3);
  // A document that brings its own BOS: 1 10 11 12, with 12 at position 3.
  const auto own = sequences_of({}, {1, 10, 11, 12}, 0, 1, 2);
  EXPECT_EQ(own[1].tokens, (Tokens{1, 11, 12}));
  EXPECT_EQ(own[1].document_offset + 2, 3);
  const auto bare = sequences_of({}, {10, 11, 12}, 0, -1, 2);
  EXPECT_EQ(bare[1].document_offset, 2);
}

TEST(Chunks, PromptIsCountedInEachChunk) {
  const auto chunks = sequences_of({}, {10, 11, 12, 13, 14}, 3, 1, 2);
  EXPECT_EQ(chunks[0].prompt_tokens, 3);  // BOS 10 11
  EXPECT_EQ(chunks[1].prompt_tokens, 2);  // BOS 12
  EXPECT_EQ(chunks[2].prompt_tokens, 0);
  EXPECT_EQ(sequences_of({}, {10, 11}, 0, 1, 0)[0].prompt_tokens, 0);
}

TEST(TokenSpool, GivesBackWhatItTookFromMemoryAndFile) {
  for (const std::size_t memory : {std::size_t{1} << 20, std::size_t{200}, std::size_t{0}}) {
    TokenSpool spool(memory);
    for (int i = 0; i < 50; ++i) {
      Sequence sequence{{"corpus.jsonl", i + 1, "id" + std::to_string(i)}, Tokens(static_cast<std::size_t>(i + 1), i)};
      sequence.prompt_tokens = i / 2;
      sequence.chunk_index = i % 3;
      spool.append(sequence);
    }
    ASSERT_EQ(spool.size(), 50U);
    EXPECT_EQ(spool.longest(), 50);
    EXPECT_EQ(spool.total_tokens(), 50 * 51 / 2);
    for (const std::size_t i : {49U, 0U, 17U}) {
      const Sequence sequence = spool.read(i);
      EXPECT_EQ(sequence.tokens, Tokens(i + 1, static_cast<TokenId>(i)));
      EXPECT_EQ(sequence.place,
                (InputPlace{"corpus.jsonl", static_cast<std::int64_t>(i) + 1, "id" + std::to_string(i)}));
      EXPECT_EQ(sequence.prompt_tokens, static_cast<int>(i / 2));
      EXPECT_EQ(sequence.chunk_index, static_cast<int>(i % 3));
    }
  }
}

TEST(TokenSpool, NamesTheFolderThatCannotBeWritten) {
  setenv("TMPDIR", "/nonexistent", 1);
  TokenSpool spool(0);
  expect_error(ErrorCode::kOutput, "'/nonexistent'", [&] { spool.append({{}, {1, 2, 3}}); });
  unsetenv("TMPDIR");
}

}  // namespace
}  // namespace sinkscope
