#include "tests/engine/gpu/late_device.h"

#include <ggml-backend-impl.h>
#include <ggml-cpu.h>
#include <ggml-impl.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sinkscope {
namespace {

// Addresses of the device are addresses of ours, moved to where nothing lies.
constexpr std::uintptr_t kMoved = std::uintptr_t{1} << 52;

void* on_device(void* address) { return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(address) + kMoved); }
void* on_host(const void* address) {
  return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(address) - kMoved);
}

std::set<ggml_op>& refused_operations() {
  static std::set<ggml_op> refused;
  return refused;
}

ggml_backend_dev_t cpu() { return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU); }

// Buffers.

// llama.cpp tells buffer types apart by name.
const char* type_name(ggml_backend_buffer_type_t type) { return ggml_backend_dev_name(type->device); }
std::size_t type_alignment(ggml_backend_buffer_type_t) { return 64; }
bool type_is_host(ggml_backend_buffer_type_t) { return false; }

void buffer_free(ggml_backend_buffer_t buffer) { std::free(buffer->context); }
void* buffer_base(ggml_backend_buffer_t buffer) { return on_device(buffer->context); }
void buffer_memset(ggml_backend_buffer_t, ggml_tensor* tensor, std::uint8_t value, std::size_t offset,
                   std::size_t size) {
  std::memset(static_cast<char*>(on_host(tensor->data)) + offset, value, size);
}
void buffer_set(ggml_backend_buffer_t, ggml_tensor* tensor, const void* data, std::size_t offset, std::size_t size) {
  std::memcpy(static_cast<char*>(on_host(tensor->data)) + offset, data, size);
}
void buffer_get(ggml_backend_buffer_t, const ggml_tensor* tensor, void* data, std::size_t offset, std::size_t size) {
  late_copies().to_host += size;
  std::memcpy(data, static_cast<const char*>(on_host(tensor->data)) + offset, size);
}
void buffer_clear(ggml_backend_buffer_t buffer, std::uint8_t value) {
  std::memset(buffer->context, value, buffer->size);
}

ggml_backend_buffer_t type_allocate(ggml_backend_buffer_type_t type, std::size_t size) {
  const std::size_t rounded = (size + 63) / 64 * 64 + 64;
  void* memory = std::aligned_alloc(64, rounded);
  std::memset(memory, 0xff, rounded);
  ggml_backend_buffer_i interface{};
  interface.free_buffer = buffer_free;
  interface.get_base = buffer_base;
  interface.memset_tensor = buffer_memset;
  interface.set_tensor = buffer_set;
  interface.get_tensor = buffer_get;
  interface.clear = buffer_clear;
  return ggml_backend_buffer_init(type, interface, memory, size);
}

// The queue.

struct LateQueue {
  ggml_backend_t cpu = nullptr;
  std::deque<std::function<void()>> work;
  std::uint64_t n_done = 0;

  std::uint64_t end() const { return n_done + work.size(); }
  void finish(std::uint64_t until) {
    if (n_done < until) ++late_waits();
    for (; n_done < until; ++n_done) {
      work.front()();
      work.pop_front();
    }
  }
};

struct LateEvent {
  LateQueue* queue = nullptr;
  std::uint64_t until = 0;
};

LateQueue& queue_of(ggml_backend_t backend) { return *static_cast<LateQueue*>(backend->context); }

// A node with its sources, as they are described now, at addresses of the host.
class Described {
 public:
  explicit Described(const ggml_tensor& node) : node_(node) {
    node_.data = host_address(node);
    for (int i = 0; i < GGML_MAX_SRC; ++i) {
      if (!node.src[i]) continue;
      sources_[static_cast<std::size_t>(i)] = *node.src[i];
      sources_[static_cast<std::size_t>(i)].data = host_address(*node.src[i]);
    }
  }
  void compute(ggml_backend_t cpu_backend) {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (node_.src[i]) node_.src[i] = &sources_[i];
    }
    ggml_tensor* node = &node_;
    ggml_cgraph graph{};
    graph.size = graph.n_nodes = 1;
    graph.nodes = &node;
    ggml_backend_graph_compute(cpu_backend, &graph);
  }

 private:
  static void* host_address(const ggml_tensor& tensor) {
    const ggml_backend_buffer_t buffer = tensor.view_src ? tensor.view_src->buffer : tensor.buffer;
    return ggml_backend_buffer_is_host(buffer) ? tensor.data : on_host(tensor.data);
  }
  ggml_tensor node_;
  std::array<ggml_tensor, GGML_MAX_SRC> sources_{};
};

const char* backend_name(ggml_backend_t backend) { return ggml_backend_dev_name(backend->device); }
void backend_free(ggml_backend_t backend) {
  queue_of(backend).finish(queue_of(backend).end());
  ggml_backend_free(queue_of(backend).cpu);
  delete &queue_of(backend);
  delete backend;
}
void set_async(ggml_backend_t backend, ggml_tensor* tensor, const void* data, std::size_t offset, std::size_t size) {
  char* to = static_cast<char*>(on_host(tensor->data)) + offset;
  queue_of(backend).work.emplace_back([to, data, size] { std::memcpy(to, data, size); });
}
void get_async(ggml_backend_t backend, const ggml_tensor* tensor, void* data, std::size_t offset, std::size_t size) {
  const char* from = static_cast<const char*>(on_host(tensor->data)) + offset;
  late_copies().to_host += size;
  queue_of(backend).work.emplace_back([from, data, size] { std::memcpy(data, from, size); });
}
void synchronize(ggml_backend_t backend) { queue_of(backend).finish(queue_of(backend).end()); }

ggml_status graph_compute(ggml_backend_t backend, ggml_cgraph* graph) {
  LateQueue& queue = queue_of(backend);
  for (int i = 0; i < graph->n_nodes; ++i) {
    const ggml_tensor& node = *graph->nodes[i];
    if (node.op == GGML_OP_NONE || ggml_is_empty(&node)) continue;
    queue.work.emplace_back([&queue, described = std::make_shared<Described>(node)] { described->compute(queue.cpu); });
  }
  return GGML_STATUS_SUCCESS;
}

void event_record(ggml_backend_t backend, ggml_backend_event_t event) {
  *static_cast<LateEvent*>(event->context) = {&queue_of(backend), queue_of(backend).end()};
}
void event_wait(ggml_backend_t, ggml_backend_event_t event) {
  const auto& late = *static_cast<LateEvent*>(event->context);
  if (late.queue) late.queue->finish(late.until);
}

// The devices.

struct LateDevice {
  std::string name;
  ggml_backend_buffer_type type;
  ggml_backend_device device;
};

LateDevice& late(ggml_backend_dev_t device) { return *static_cast<LateDevice*>(device->context); }

ggml_guid_t guid() {
  static ggml_guid value = {0x6c, 0x61, 0x74, 0x65};
  return &value;
}

ggml_backend_t device_init(ggml_backend_dev_t device, const char*) {
  auto self = std::make_unique<ggml_backend>();
  self->guid = guid();
  self->device = device;
  self->iface.get_name = backend_name;
  self->iface.free = backend_free;
  self->iface.set_tensor_async = set_async;
  self->iface.get_tensor_async = get_async;
  self->iface.synchronize = synchronize;
  self->iface.graph_compute = graph_compute;
  self->iface.event_record = event_record;
  self->iface.event_wait = event_wait;
  auto queue = std::make_unique<LateQueue>();
  queue->cpu = ggml_backend_cpu_init();
  ggml_backend_cpu_set_n_threads(queue->cpu, 1);
  self->context = queue.release();
  return self.release();
}

bool supports_op(ggml_backend_dev_t, const ggml_tensor* node) {
  return !refused_operations().contains(node->op) && ggml_backend_dev_supports_op(cpu(), node);
}
bool supports_buft(ggml_backend_dev_t device, ggml_backend_buffer_type_t type) { return type == &late(device).type; }
void memory(ggml_backend_dev_t, std::size_t* free, std::size_t* total) { *free = *total = std::size_t{1} << 32; }
void props(ggml_backend_dev_t device, ggml_backend_dev_props* of) {
  *of = {};
  of->name = late(device).name.c_str();
  of->description = "late";
  of->type = GGML_BACKEND_DEVICE_TYPE_GPU;
  memory(device, &of->memory_free, &of->memory_total);
  of->caps.async = of->caps.events = true;
}

ggml_backend_event_t event_new(ggml_backend_dev_t device) { return new ggml_backend_event{device, new LateEvent()}; }
void event_free(ggml_backend_dev_t, ggml_backend_event_t event) {
  delete static_cast<LateEvent*>(event->context);
  delete event;
}
void event_synchronize(ggml_backend_dev_t, ggml_backend_event_t event) { event_wait(nullptr, event); }

std::array<LateDevice, 2>& devices() {
  static std::array<LateDevice, 2> all;
  return all;
}

ggml_backend_reg* registry() {
  static ggml_backend_reg made = [] {
    ggml_backend_reg r{};
    r.api_version = GGML_BACKEND_API_VERSION;
    r.iface.get_name = [](ggml_backend_reg_t) { return "Late"; };
    r.iface.get_device_count = [](ggml_backend_reg_t) { return devices().size(); };
    r.iface.get_device = [](ggml_backend_reg_t, std::size_t i) -> ggml_backend_dev_t { return &devices()[i].device; };
    r.iface.get_proc_address = [](ggml_backend_reg_t, const char*) -> void* { return nullptr; };
    return r;
  }();
  return &made;
}

}  // namespace

void* late_address(const void* address) { return on_host(address); }

void hand_to_late_device(ggml_backend_t backend, std::function<void()> work) {
  queue_of(backend).work.push_back(std::move(work));
}

LateCopies& late_copies() {
  static LateCopies copies;
  return copies;
}

std::uint64_t& late_waits() {
  static std::uint64_t waits = 0;
  return waits;
}

void refuse_on_late_devices(ggml_op operation, bool refused) {
  if (refused) {
    refused_operations().insert(operation);
  } else {
    refused_operations().erase(operation);
  }
}

void register_late_devices() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (std::size_t i = 0; i < devices().size(); ++i) {
      LateDevice& late_device = devices()[i];
      late_device.name = "LATE" + std::to_string(i);
      ggml_backend_device& made = late_device.device;
      made = {};
      made.iface.get_name = [](ggml_backend_dev_t d) { return late(d).name.c_str(); };
      made.iface.get_description = [](ggml_backend_dev_t) { return "late"; };
      made.iface.get_memory = memory;
      made.iface.get_type = [](ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_GPU; };
      made.iface.get_props = props;
      made.iface.init_backend = device_init;
      made.iface.get_buffer_type = [](ggml_backend_dev_t d) { return &late(d).type; };
      made.iface.supports_op = supports_op;
      made.iface.supports_buft = supports_buft;
      made.iface.event_new = event_new;
      made.iface.event_free = event_free;
      made.iface.event_synchronize = event_synchronize;
      made.reg = registry();
      made.context = &late_device;
      ggml_backend_buffer_type& type = late_device.type;
      type = {};
      type.iface.get_name = type_name;
      type.iface.alloc_buffer = type_allocate;
      type.iface.get_alignment = type_alignment;
      type.iface.is_host = type_is_host;
      type.device = &made;
    }
    ggml_backend_register(registry());
  });
}

}  // namespace sinkscope
