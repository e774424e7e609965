#include "engine/gpu/proxy_device.h"

#include <ggml-backend-impl.h>
#include <ggml-impl.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace sinkscope::gpu {
namespace {

thread_local WatchScope::State* scope_of_thread = nullptr;
thread_local QueueScope* queues_of_thread = nullptr;

struct ProxyDevice {
  ggml_backend_dev_t inner;
  ggml_backend_device device;
};

struct ProxyBackend {
  ggml_backend_t inner;
  std::unique_ptr<Queue> queue;

  explicit ProxyBackend(ggml_backend_t backend) : inner(backend), queue(std::make_unique<Queue>(backend)) {}
  ~ProxyBackend() {
    queue.reset();
    ggml_backend_free(inner);
  }
};

ggml_guid_t guid() {
  static ggml_guid value = {0x73, 0x69, 0x6e, 0x6b, 0x73, 0x63, 0x6f, 0x70,
                            0x65, 0x2d, 0x70, 0x72, 0x6f, 0x78, 0x79, 0x31};
  return &value;
}

ProxyBackend& proxy(ggml_backend_t backend) { return *static_cast<ProxyBackend*>(backend->context); }
ggml_backend_t inner(ggml_backend_t backend) { return proxy(backend).inner; }
ggml_backend_t unwrapped(ggml_backend_t backend) {
  return backend && ggml_guid_matches(backend->guid, guid()) ? inner(backend) : backend;
}
ggml_backend_dev_t inner(ggml_backend_dev_t device) { return static_cast<ProxyDevice*>(device->context)->inner; }

// The backend.

const char* backend_name(ggml_backend_t self) { return ggml_backend_name(inner(self)); }

void backend_free(ggml_backend_t self) {
  delete &proxy(self);
  delete self;
}

void set_async(ggml_backend_t self, ggml_tensor* tensor, const void* data, std::size_t offset, std::size_t size) {
  ggml_backend_tensor_set_async(inner(self), tensor, data, offset, size);
}

void get_async(ggml_backend_t self, const ggml_tensor* tensor, void* data, std::size_t offset, std::size_t size) {
  // Logits that nobody reads lie in a buffer from which nothing comes: the inner device does not know it.
  const ggml_backend_buffer_t buffer = tensor->view_src ? tensor->view_src->buffer : tensor->buffer;
  if (buffer && !ggml_backend_supports_buft(inner(self), ggml_backend_buffer_get_type(buffer))) {
    ggml_backend_tensor_get(tensor, data, offset, size);
    return;
  }
  ggml_backend_tensor_get_async(inner(self), tensor, data, offset, size);
}

bool copy_async(ggml_backend_t from, ggml_backend_t to, const ggml_tensor* source, ggml_tensor* target) {
  const ggml_backend_t backend = unwrapped(to);
  return backend->iface.cpy_tensor_async && backend->iface.cpy_tensor_async(unwrapped(from), backend, source, target);
}

void synchronize(ggml_backend_t self) { ggml_backend_synchronize(inner(self)); }

ggml_status hand_on(ggml_backend_t backend, ggml_cgraph* graph, int first, int last) {
  if (first == last) return GGML_STATUS_SUCCESS;
  ggml_cgraph part = ggml_graph_view(graph, first, last);
  return ggml_backend_graph_compute_async(backend, &part);
}

ggml_status compute_watched(ProxyBackend& backend, ggml_cgraph* graph, NodeWatcher& watcher) {
  int waiting = 0;  // nodes from here on have not been handed on
  for (int i = 0; i < graph->n_nodes; ++i) {
    if (!watcher.watches(*graph->nodes[i])) continue;
    const ggml_status status = hand_on(backend.inner, graph, waiting, i + 1);
    if (status != GGML_STATUS_SUCCESS) return status;
    waiting = i + 1;
    watcher.computed(*backend.queue, *graph->nodes[i]);
  }
  const ggml_status status = hand_on(backend.inner, graph, waiting, graph->n_nodes);
  watcher.stretch_done(*backend.queue);
  return status;
}

ggml_status graph_compute(ggml_backend_t self, ggml_cgraph* graph) {
  WatchScope::State* scope = scope_of_thread;
  if (!scope) return ggml_backend_graph_compute_async(inner(self), graph);
  if (scope->failure) return GGML_STATUS_FAILED;
  try {
    return compute_watched(proxy(self), graph, *scope->watcher);
  } catch (...) {
    scope->failure = std::current_exception();
    ggml_backend_synchronize(inner(self));
    return GGML_STATUS_FAILED;
  }
}

void event_record(ggml_backend_t self, ggml_backend_event_t event) { ggml_backend_event_record(event, inner(self)); }
void event_wait(ggml_backend_t self, ggml_backend_event_t event) { ggml_backend_event_wait(inner(self), event); }

void graph_optimize(ggml_backend_t self, ggml_cgraph* graph, ggml_backend_graph_optimize_params* params) {
  inner(self)->iface.graph_optimize(inner(self), graph, params);
}

ggml_backend_t device_init(ggml_backend_dev_t device, const char* params) {
  const ggml_backend_t made = ggml_backend_dev_init(inner(device), params);
  if (!made) return nullptr;
  auto self = std::make_unique<ggml_backend>();
  self->guid = guid();
  self->device = device;
  ggml_backend_i& i = self->iface;
  i.get_name = backend_name;
  i.free = backend_free;
  i.set_tensor_async = set_async;
  i.get_tensor_async = get_async;
  i.cpy_tensor_async = copy_async;
  i.synchronize = synchronize;
  i.graph_compute = graph_compute;
  i.event_record = event_record;
  i.event_wait = event_wait;
  if (made->iface.graph_optimize) i.graph_optimize = graph_optimize;
  auto context = std::make_unique<ProxyBackend>(made);
  if (queues_of_thread) queues_of_thread->queues.push_back(context->queue.get());
  self->context = context.release();
  return self.release();
}

// The device.

const char* device_name(ggml_backend_dev_t d) { return ggml_backend_dev_name(inner(d)); }
const char* device_description(ggml_backend_dev_t d) { return ggml_backend_dev_description(inner(d)); }
void device_memory(ggml_backend_dev_t d, std::size_t* free, std::size_t* total) {
  ggml_backend_dev_memory(inner(d), free, total);
}
enum ggml_backend_dev_type device_type(ggml_backend_dev_t d) { return ggml_backend_dev_type(inner(d)); }
void device_props(ggml_backend_dev_t d, ggml_backend_dev_props* props) { ggml_backend_dev_get_props(inner(d), props); }
ggml_backend_buffer_type_t buffer_type(ggml_backend_dev_t d) { return ggml_backend_dev_buffer_type(inner(d)); }
ggml_backend_buffer_type_t host_buffer_type(ggml_backend_dev_t d) {
  return ggml_backend_dev_host_buffer_type(inner(d));
}
ggml_backend_buffer_t buffer_from_host(ggml_backend_dev_t d, void* data, std::size_t n_bytes, std::size_t most) {
  return ggml_backend_dev_buffer_from_host_ptr(inner(d), data, n_bytes, most);
}
bool supports_op(ggml_backend_dev_t d, const ggml_tensor* node) { return ggml_backend_dev_supports_op(inner(d), node); }
bool supports_buft(ggml_backend_dev_t d, ggml_backend_buffer_type_t type) {
  return ggml_backend_dev_supports_buft(inner(d), type);
}
bool offload_op(ggml_backend_dev_t d, const ggml_tensor* node) { return ggml_backend_dev_offload_op(inner(d), node); }
// Events belong to the inner device: they are recorded on its queue.
ggml_backend_event_t event_new(ggml_backend_dev_t d) { return ggml_backend_event_new(inner(d)); }
void event_free(ggml_backend_dev_t, ggml_backend_event_t event) { ggml_backend_event_free(event); }
void event_synchronize(ggml_backend_dev_t, ggml_backend_event_t event) { ggml_backend_event_synchronize(event); }

ggml_backend_device make_device(ggml_backend_dev_t inner_device, ProxyDevice* context) {
  ggml_backend_device made{};
  ggml_backend_device_i& i = made.iface;
  i.get_name = device_name;
  i.get_description = device_description;
  i.get_memory = device_memory;
  i.get_type = device_type;
  i.get_props = device_props;
  i.init_backend = device_init;
  i.get_buffer_type = buffer_type;
  i.get_host_buffer_type = host_buffer_type;
  if (inner_device->iface.buffer_from_host_ptr) i.buffer_from_host_ptr = buffer_from_host;
  i.supports_op = supports_op;
  i.supports_buft = supports_buft;
  i.offload_op = offload_op;
  i.event_new = event_new;
  i.event_free = event_free;
  i.event_synchronize = event_synchronize;
  made.reg = inner_device->reg;
  made.context = context;
  return made;
}

struct Proxies {
  std::mutex mutex;
  std::map<ggml_backend_dev_t, std::unique_ptr<ProxyDevice>> by_inner;
};

Proxies& proxies() {
  static Proxies all;
  return all;
}

}  // namespace

ggml_backend_dev_t proxy_of(ggml_backend_dev_t device) {
  Proxies& all = proxies();
  const std::lock_guard lock(all.mutex);
  std::unique_ptr<ProxyDevice>& proxy = all.by_inner[inner_of(device)];
  if (!proxy) {
    proxy = std::make_unique<ProxyDevice>();
    proxy->inner = inner_of(device);
    proxy->device = make_device(proxy->inner, proxy.get());
  }
  return &proxy->device;
}

ggml_backend_dev_t inner_of(ggml_backend_dev_t device) {
  return device->iface.init_backend == device_init ? inner(device) : device;
}

QueueScope::QueueScope() : outer_(std::exchange(queues_of_thread, this)) {}
QueueScope::~QueueScope() { queues_of_thread = outer_; }

WatchScope::WatchScope(NodeWatcher& watcher) {
  state_.watcher = &watcher;
  state_.outer = std::exchange(scope_of_thread, &state_);
}

WatchScope::~WatchScope() { scope_of_thread = state_.outer; }

void WatchScope::rethrow() const {
  if (state_.failure) std::rethrow_exception(state_.failure);
}

}  // namespace sinkscope::gpu
