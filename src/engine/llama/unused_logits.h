#pragma once

struct ggml_tensor;
struct llama_context;

namespace sinkscope {

class PagesOnDemand;

// Nobody reads logits here, but llama.cpp computes, copies and keeps them for every token that is output, and all
// tokens must be output for the last block to show all of its rows. So the work is taken out again.

// Turns a node after the last block into one that computes nothing, and its copying out into nothing.
//
// node       of a graph that is about to be computed; it stays so when the graph is used again
// on_device  it lies behind a proxy device, which copies no more than the node's buffer gives
void skip_node(ggml_tensor* node, bool on_device);

// Makes llama.cpp reserve its n_vocab x n_outputs floats now, in pages that nothing is ever written to: it clears them,
// which would take a quarter of a gigabyte for each 512 tokens of a vocabulary of 128 K.
//
// n_outputs  the most of any later micro-batch
// pages      llama.cpp's buffers are lent as long as it lives
// cost       one aborted micro-batch
void reserve_unbacked_logits(llama_context* context, int n_outputs, const PagesOnDemand& pages);

}  // namespace sinkscope
