#include "gguf/file_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "gguf/model_notes.h"
#include "gguf/model_parts.h"
#include "gguf/writer.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string kind_of(const std::string& head) { return what_is_no_gguf(std::as_bytes(std::span(head))).what; }

TEST(FileKind, BytesTellWhatAFileIs) {
  EXPECT_THAT(kind_of(""), HasSubstr("empty"));
  EXPECT_THAT(kind_of("version https://git-lfs.github.com/spec/v1\noid sha256:aa\n"), HasSubstr("Git LFS"));
  EXPECT_THAT(kind_of("  \r\n<!DocType HTML>"), HasSubstr("HTML"));
  EXPECT_THAT(kind_of(std::string("\x10\0\0\0\0\0\0\0{\"a\":", 13)), HasSubstr("safetensors"));
  EXPECT_THAT(kind_of(std::string("PK\x03\x04", 4)), HasSubstr("PyTorch"));
  EXPECT_THAT(kind_of("{\"weight_map\": {}}"), HasSubstr("safetensors"));
  EXPECT_THAT(kind_of("{\"error\": \"gated\"}"), HasSubstr("error"));
  EXPECT_THAT(kind_of("tjgg...."), HasSubstr("before GGUF"));
  EXPECT_EQ(kind_of("Not found\nsecond line"), "a text that begins \"Not found\"");
  EXPECT_THAT(kind_of(std::string("\x01\x02\0\xff", 4)), HasSubstr("first bytes are not 'GGUF'"));
  // A long first line is cut between characters: the 40th byte is the second of an e with an acute.
  EXPECT_EQ(kind_of(std::string(39, 'x') + "\xC3\xA9 and more"), "a text that begins \"" + std::string(39, 'x') + "\"");
}

TEST(FileKind, TensorTypesOfOtherProgramsAreNamed) {
  EXPECT_THAT(foreign_tensor_type(36).what, HasSubstr("bitnet.cpp"));
  EXPECT_THAT(foreign_tensor_type(31).what, HasSubstr("Q4_0_4_4"));
  EXPECT_THAT(foreign_tensor_type(139).what, HasSubstr("ik_llama.cpp"));
  EXPECT_THAT(foreign_tensor_type(5000).what, HasSubstr("(5000)"));
}

class Models : public testing::Test {
 protected:
  static GgufMetadata language_model() {
    GgufMetadata metadata;
    metadata.set_text("general.architecture", "llama");
    for (const char* key : {"block_count", "embedding_length", "context_length"}) {
      metadata.set_u32(std::string("llama.") + key, 64);
    }
    metadata.set_text("tokenizer.ggml.model", "gpt2");
    metadata.set_text("tokenizer.ggml.pre", "gpt-2");
    metadata.set_texts("tokenizer.ggml.tokens", std::vector<std::string>{"a", "<s>", "<|im_end|>"});
    metadata.set_i32s("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 3, 3});
    metadata.set_u32("tokenizer.ggml.bos_token_id", 1);
    return metadata;
  }
  std::string write(const GgufMetadata& metadata, const std::string& name = "m.gguf") const {
    const std::vector<NewGgufTensor> tensors = {{"a", {4}, kGgufF32, {1, 2, 3, 4}}};
    write_gguf(metadata, tensors, folder_.file(name));
    return folder_.file(name);
  }
  std::string kind(const GgufMetadata& metadata) const {
    const auto other = what_is(write(metadata));
    return other ? other->what : "";
  }
  std::vector<std::string> notes(const GgufMetadata& metadata) const { return model_notes(GgufFile(write(metadata))); }

  TemporaryFolder folder_;
};

TEST_F(Models, ALanguageModelIsNothingElse) {
  EXPECT_EQ(kind(language_model()), "");
  EXPECT_THAT(notes(language_model()), IsEmpty());
}

TEST_F(Models, MetadataTellWhatAModelIs) {
  GgufMetadata metadata = language_model();
  metadata.set_text("general.type", "adapter");
  EXPECT_THAT(kind(metadata), HasSubstr("LoRA"));
  metadata = language_model();
  metadata.set_flag("llama.attention.causal", false);
  EXPECT_THAT(kind(metadata), HasSubstr("encoder"));
  metadata = language_model();
  metadata.set_u32("split.no", 2);
  metadata.set_u32("split.count", 3);
  EXPECT_EQ(kind(metadata), "part 3 of 3 of a split model");
  metadata = language_model();
  metadata.set_text("general.architecture", "qwen2");
  EXPECT_THAT(kind(metadata), HasSubstr("without qwen2.block_count"));
}

TEST_F(Models, NotesSayWhatChangesNumbers) {
  GgufMetadata metadata = language_model();
  metadata.set_u32("tokenizer.ggml.bos_token_id", 3);
  metadata.set_u32("llama.context_length", 0xFFFFFFFF);
  metadata.set_u32("llama.attention.sliding_window", 128);
  metadata.set_i32s("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 3, 1});
  EXPECT_THAT(notes(metadata),
              ElementsAre(StartsWith("tokenizer.ggml.bos_token_id is 3, which no token has"),
                          HasSubstr("control tokens: <|im_end|> (2)"), StartsWith("llama.context_length is 4294967295"),
                          HasSubstr("sliding_window is 128")));
}

TEST_F(Models, ABosThatIsNotNamedIsALuckyGuessOrNone) {
  GgufMetadata metadata = language_model();
  metadata.set_u32("tokenizer.ggml.bos_token_id", 77);
  EXPECT_THAT(notes(metadata), ElementsAre(HasSubstr("is 77, which no token has: there is no BOS")));
  metadata.set_text("tokenizer.ggml.model", "llama");  // whose default is token 1, here a control token
  EXPECT_THAT(notes(metadata), ElementsAre(HasSubstr("token 1 is taken for BOS")));
}

TEST_F(Models, PartsAreFoundByName) {
  const std::string whole = write(language_model(), "x-00001-of-00002.gguf");
  EXPECT_THAT(model_parts(GgufFile(whole)), ElementsAre(whole));
  EXPECT_TRUE(is_named_as_part(whole));
  EXPECT_FALSE(is_named_as_part("x-00002-of-00002.gguf"));
  EXPECT_FALSE(is_named_as_part("-00001-of-0000x.gguf"));

  GgufMetadata metadata = language_model();
  metadata.set_u32("split.count", 2);
  const std::string first = write(metadata, "s-00001-of-00002.gguf");
  const auto refusal = [&](const std::string& path) {
    try {
      model_parts(GgufFile(path));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModel);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(refusal(first), HasSubstr("s-00002-of-00002.gguf', found none"));
  const std::string second = write(language_model(), "s-00002-of-00002.gguf");
  EXPECT_THAT(model_parts(GgufFile(first)), ElementsAre(first, second));
  EXPECT_THAT(refusal(write(metadata, "renamed.gguf")), HasSubstr("named ...-00001-of-00002.gguf"));
}

}  // namespace
}  // namespace sinkscope
