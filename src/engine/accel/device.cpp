#include "engine/accel/device.h"

#include <ggml-backend-impl.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml-impl.h>
#include <ggml.h>
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/accel/backend.h"
#include "engine/accel/held_signals.h"
#include "engine/accel/scope_state.h"

namespace sinkscope {
namespace accel {
namespace {

constexpr const char* kName = "sinkscope";

thread_local AccelScope::State* scope_of_thread = nullptr;

struct Backend {
  ggml_backend_t cpu = nullptr;
  int n_threads = GGML_DEFAULT_N_THREADS;
  std::unique_ptr<Kernels> kernels;

  ~Backend() { ggml_backend_free(cpu); }
};

Backend& backend_of(ggml_backend_t backend) { return *static_cast<Backend*>(backend->context); }

ggml_status compute_on_cpu(Backend& backend, ggml_cgraph* graph, int first, int last) {
  if (first == last) return GGML_STATUS_SUCCESS;
  const double start = omp_get_wtime();
  ggml_cgraph part = ggml_graph_view(graph, first, last);
  const ggml_status status = ggml_backend_graph_compute(backend.cpu, &part);
  times().rest_ms += (omp_get_wtime() - start) * 1e3;
  return status;
}

bool takes(const Kernels* kernels, const ggml_tensor* node) {
  const AccelScope::State* scope = scope_of_thread;
  return kernels && scope && scope->precision.precision != Precision::kNative && scope->failure == nullptr &&
         (node->flags & GGML_TENSOR_FLAG_COMPUTE) != 0 && kernels->takes(node, scope->precision);
}

ggml_status graph_compute(ggml_backend_t self, ggml_cgraph* graph) {
  Backend& backend = backend_of(self);
  int waiting = 0;  // nodes from here on are the CPU's
  for (int i = 0; i < graph->n_nodes; ++i) {
    const ggml_tensor* node = graph->nodes[i];
    if (!takes(backend.kernels.get(), node)) continue;
    const ggml_status status = compute_on_cpu(backend, graph, waiting, i);
    if (status != GGML_STATUS_SUCCESS) return status;
    waiting = i + 1;
    const HeldSignals held;
    try {
      backend.kernels->compute(node, backend.n_threads, *scope_of_thread);
    } catch (...) {
      scope_of_thread->failure = std::current_exception();
      return GGML_STATUS_FAILED;
    }
  }
  return compute_on_cpu(backend, graph, waiting, graph->n_nodes);
}

const char* backend_name(ggml_backend_t) { return kName; }

void backend_free(ggml_backend_t self) {
  delete &backend_of(self);
  delete self;
}

ggml_guid_t guid() {
  static ggml_guid value = {0x73, 0x69, 0x6e, 0x6b, 0x73, 0x63, 0x6f, 0x70,
                            0x65, 0x2d, 0x61, 0x63, 0x63, 0x65, 0x6c, 0x31};
  return &value;
}

void set_n_threads(ggml_backend_t self, int n_threads) {
  backend_of(self).n_threads = std::max(1, n_threads);
  ggml_backend_cpu_set_n_threads(backend_of(self).cpu, n_threads);
}

void set_abort_callback(ggml_backend_t self, ggml_abort_callback callback, void* data) {
  ggml_backend_cpu_set_abort_callback(backend_of(self).cpu, callback, data);
}

// The device.

ggml_backend_dev_t cpu_device() { return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU); }

const char* device_name(ggml_backend_dev_t) { return kName; }
const char* device_description(ggml_backend_dev_t) { return "products and attention on oneDNN, the rest on the CPU"; }
enum ggml_backend_dev_type device_type(ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_ACCEL; }

void device_memory(ggml_backend_dev_t, std::size_t* free, std::size_t* total) { *free = *total = 0; }

void device_props(ggml_backend_dev_t device, ggml_backend_dev_props* props) {
  *props = {};
  props->name = device_name(device);
  props->description = device_description(device);
  props->type = device_type(device);
  props->caps.buffer_from_host_ptr = true;
}

ggml_backend_buffer_type_t device_buffer_type(ggml_backend_dev_t) { return ggml_backend_cpu_buffer_type(); }

ggml_backend_buffer_t device_buffer_from(ggml_backend_dev_t, void* data, std::size_t n_bytes, std::size_t) {
  return ggml_backend_cpu_buffer_from_ptr(data, n_bytes);
}

// Everything that the CPU can do, so that a network is not cut into pieces around each product.
bool device_supports(ggml_backend_dev_t, const ggml_tensor* node) {
  const AccelScope::State* scope = scope_of_thread;
  return scope && scope->precision.precision != Precision::kNative && ggml_backend_dev_supports_op(cpu_device(), node);
}

bool device_supports_buffer(ggml_backend_dev_t, ggml_backend_buffer_type_t type) {
  return ggml_backend_buft_is_host(type);
}

ggml_backend_t device_init(ggml_backend_dev_t device, const char*) {
  auto backend = std::make_unique<Backend>();
  backend->cpu = ggml_backend_cpu_init();
  if (!backend->cpu) return nullptr;
  backend->kernels = make_kernels();
  auto self = std::make_unique<ggml_backend>();
  self->guid = guid();
  self->iface.get_name = backend_name;
  self->iface.free = backend_free;
  self->iface.graph_compute = graph_compute;
  self->device = device;
  self->context = backend.release();
  return self.release();
}

const char* registry_name(ggml_backend_reg_t) { return kName; }
std::size_t registry_count(ggml_backend_reg_t) { return 1; }

ggml_backend_dev_t registry_device(ggml_backend_reg_t registry, std::size_t) {
  static ggml_backend_device device = [registry] {
    ggml_backend_device made{};
    made.iface.get_name = device_name;
    made.iface.get_description = device_description;
    made.iface.get_memory = device_memory;
    made.iface.get_type = device_type;
    made.iface.get_props = device_props;
    made.iface.init_backend = device_init;
    made.iface.get_buffer_type = device_buffer_type;
    made.iface.buffer_from_host_ptr = device_buffer_from;
    made.iface.supports_op = device_supports;
    made.iface.supports_buft = device_supports_buffer;
    made.reg = registry;
    return made;
  }();
  return &device;
}

void* registry_function(ggml_backend_reg_t, const char* name) {
  if (std::strcmp(name, "ggml_backend_set_n_threads") == 0) return reinterpret_cast<void*>(set_n_threads);
  if (std::strcmp(name, "ggml_backend_set_abort_callback") == 0) return reinterpret_cast<void*>(set_abort_callback);
  return nullptr;
}

ggml_backend_reg_t registry() {
  static ggml_backend_reg made = [] {
    ggml_backend_reg r{};
    r.api_version = GGML_BACKEND_API_VERSION;
    r.iface.get_name = registry_name;
    r.iface.get_device_count = registry_count;
    r.iface.get_device = registry_device;
    r.iface.get_proc_address = registry_function;
    return r;
  }();
  return &made;
}

}  // namespace

AccelTimes& times() {
  thread_local AccelTimes spent;
  return spent;
}

}  // namespace accel

void register_accel_device() {
  static std::once_flag once;
  std::call_once(once, [] { ggml_backend_register(accel::registry()); });
}

AccelTimes accel_times() { return accel::times(); }

AccelScope::AccelScope(const ResolvedPrecision& precision, AccelAttentionListener* listener)
    : state_(std::make_unique<State>()) {
  state_->precision = precision;
  state_->listener = listener;
  state_->outer = std::exchange(accel::scope_of_thread, state_.get());
}

AccelScope::~AccelScope() { accel::scope_of_thread = state_->outer; }

void AccelScope::rethrow() const {
  if (state_->failure) std::rethrow_exception(state_->failure);
}

}  // namespace sinkscope
