#pragma once

#include <string>

#include "probe/model_facts.h"

struct llama_model;

namespace sinkscope {

// A value of the model's GGUF metadata as text; empty where there is none.
std::string metadata_of(const llama_model* model, const std::string& key);

// What tokenising asks of a model.
//
// path  of the file, after which a model without a name is called
VocabularyFacts vocabulary_facts_of(const llama_model* model, const std::string& path);

// What is known of a model before any graph is built: all but its heads and what its blocks show.
//
// path  of the file
ModelFacts facts_of(const llama_model* model, const VocabularyFacts& vocabulary, const std::string& path);

// throws  Error{kInput} if a vocabulary of n_vocab tokens has no such token
void check_token(TokenId token, int n_vocab);

}  // namespace sinkscope
