#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sinkscope {

// Draws that do not depend on how a file happens to list its documents: a text that is moved, or a file that is merged with
// another, is drawn alike. All that is drawn over documents or for one goes through here.

// A document's own stream of random numbers.
//
// key  of the document: hexadecimal digits
std::uint64_t stream_of_document(const std::string& key);

// The order in which documents are drawn: that of their keys; those of equal keys in the order given.
//
// keys     [n]
// returns  [n] places; a bootstrap's weight i is that of the document at place order[i]
std::vector<std::size_t> order_of_draws(std::span<const std::string> keys);

// How often each document is in bootstrap number `draw`, as bootstrap_weights.
//
// order    of order_of_draws
// returns  [n] by place
std::vector<std::uint32_t> bootstrap_documents(std::span<const std::size_t> order, std::uint64_t seed, std::uint64_t draw);

}  // namespace sinkscope
