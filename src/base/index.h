#pragma once

#include <concepts>
#include <cstddef>

namespace sinkscope {

// A layer, head, position or count, which are ints, as the standard library counts: to multiply without overflow and to
// compare with a size. As a subscript or a size an int does without.
//
// i  not negative
constexpr std::size_t index(std::integral auto i) { return static_cast<std::size_t>(i); }

}  // namespace sinkscope
