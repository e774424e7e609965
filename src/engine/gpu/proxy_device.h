#pragma once

#include <ggml-backend.h>

#include <exception>
#include <memory>
#include <vector>

#include "engine/gpu/queue.h"

namespace sinkscope::gpu {

// Looks at nodes of a graph while a device computes it.
class NodeWatcher {
 public:
  virtual ~NodeWatcher() = default;
  // Whether computed() is to be called for a node.
  virtual bool watches(const ggml_tensor& node) const = 0;
  // The node and all before it have been handed to the queue; what is handed over now comes next, before any memory is
  // used again.
  virtual void computed(Queue& queue, const ggml_tensor& node) = 0;
  // A stretch of the graph is complete.
  virtual void stretch_done(Queue& queue) = 0;
};

// A device that stands before another one and lets our own work in between the network's nodes.
//
// It hands everything on: memory, buffers, events, what is supported. Only graph_compute differs: the nodes up to one
// that is watched go to the inner device, which computes while we go on; the watcher then enqueues work of its own
// behind them, on the same queue; and so on. Without a WatchScope on the thread the graph goes through as it is.
//
// inner    of type GPU or IGPU
// returns  the same device for the same inner one, valid until the process ends
ggml_backend_dev_t proxy_of(ggml_backend_dev_t inner);
// The device behind a proxy, or the device itself.
ggml_backend_dev_t inner_of(ggml_backend_dev_t device);

// Notes the queues that proxies make on this thread, as long as this lives: make one around the making of a context.
class QueueScope {
 public:
  QueueScope();
  ~QueueScope();
  QueueScope(const QueueScope&) = delete;
  QueueScope& operator=(const QueueScope&) = delete;

  std::vector<Queue*> queues;  // each valid as long as its backend, which is the context's

 private:
  QueueScope* outer_;
};

// Has proxies on this thread tell a watcher, as long as this lives: make one around each llama_decode.
class WatchScope {
 public:
  explicit WatchScope(NodeWatcher& watcher);
  ~WatchScope();
  WatchScope(const WatchScope&) = delete;
  WatchScope& operator=(const WatchScope&) = delete;

  // Throws what the watcher threw; the graph then was left, and llama_decode returned an error.
  void rethrow() const;

  struct State {
    NodeWatcher* watcher = nullptr;
    std::exception_ptr failure;
    State* outer = nullptr;
  };

 private:
  State state_;
};

}  // namespace sinkscope::gpu
