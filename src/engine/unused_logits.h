#pragma once

struct ggml_tensor;
struct llama_context;

namespace sinkscope {

// Nobody reads logits here, but llama.cpp computes, copies and keeps them for every token that is output, and all
// tokens must be output for the last block to show all of its rows. So the work is taken out again.

// Turns a node after the last block into one that computes nothing, and its copying out into nothing.
//
// node  of a graph that is about to be computed; it stays so when the graph is used again
void skip_node(ggml_tensor* node);

// Gives the memory of a context's logits back: llama.cpp makes n_vocab x n_outputs floats and writes zeros to them.
//
// n_outputs  the most of any later micro-batch
// cost       one aborted micro-batch. Linux only; elsewhere the memory stays in use
void release_logits_memory(llama_context* context, int n_outputs);

}  // namespace sinkscope
