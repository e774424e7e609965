#include "scan/scanned_document.h"

#include <gtest/gtest.h>

namespace sinkscope {
namespace {

Sequence sequence_from(InputPlace place) {
  Sequence sequence;
  sequence.place = std::move(place);
  return sequence;
}

TEST(OriginOf, AFileIsItsName) {
  const Origin origin = origin_of(sequence_from({"texts/a.txt", 0, ""}));
  EXPECT_EQ(origin.file, "texts/a.txt");
  EXPECT_EQ(origin.id, "a.txt");
  EXPECT_FALSE(origin.line);
  EXPECT_FALSE(origin.chunk);
  EXPECT_EQ(origin.document_offset, 0);
}

TEST(OriginOf, ALineIsItsIdOrItsNumber) {
  const Origin first = origin_of(sequence_from({"texts/b.jsonl", 1, ""}));
  EXPECT_EQ(first.id, "b.jsonl:1");
  EXPECT_EQ(first.line, 1);
  const Origin named = origin_of(sequence_from({"texts/b.jsonl", 17, "ode"}));
  EXPECT_EQ(named.id, "ode");
  EXPECT_EQ(named.line, 17);
}

TEST(OriginOf, AChunkHasItsNumberAndPlace) {
  Sequence sequence = sequence_from({"a.txt", 0, ""});
  sequence.n_chunks = 2;
  sequence.document_offset = 0;
  EXPECT_EQ(origin_of(sequence).chunk, 0);
  sequence.chunk_index = 1;
  sequence.document_offset = 64;
  EXPECT_EQ(origin_of(sequence).chunk, 1);
  EXPECT_EQ(origin_of(sequence).document_offset, 64);
  sequence.n_chunks = 1;
  EXPECT_FALSE(origin_of(sequence).chunk);
}

}  // namespace
}  // namespace sinkscope
