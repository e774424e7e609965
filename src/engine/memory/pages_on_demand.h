#pragma once

namespace sinkscope {

// As long as one lives, buffers that ggml's CPU makes on this thread are pages that the system lends on first writing;
// when such a buffer is cleared to 0, later too, its pages are given back. So a key-value cache takes what its tokens
// fill, and nothing between two runs.
//
// Threads do not disturb each other. Where the system has no pages to lend so, buffers are as ggml makes them.
class PagesOnDemand {
 public:
  PagesOnDemand();
  ~PagesOnDemand();
  PagesOnDemand(const PagesOnDemand&) = delete;
  PagesOnDemand& operator=(const PagesOnDemand&) = delete;
};

}  // namespace sinkscope
