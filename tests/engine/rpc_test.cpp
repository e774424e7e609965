#include <ggml-backend.h>
#include <ggml-rpc.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/llama/model.h"
#include "plant/tiny/tiny.h"
#include "probe/change_rows.h"
#include "probe/hide_keys.h"
#include "tests/engine/edits/run_record.h"
#include "tests/support/expect_error.h"
#include "tests/support/invariant_observer.h"

#ifdef __SANITIZE_ADDRESS__
// llama.cpp keeps what it knows of a server until the process ends.
extern "C" const char* __lsan_default_suppressions() { return "leak:ggml_backend_rpc"; }
#endif

namespace sinkscope {
namespace {

// A llama.cpp RPC server of this machine's processor, in a process of its own.
class RpcServer {
 public:
  explicit RpcServer(const std::string& endpoint) : child_(fork()) {
    if (child_ == 0) {
      std::signal(SIGPIPE, SIG_IGN);  // of a client that no longer waits
      ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
      ggml_backend_rpc_start_server(endpoint.c_str(), nullptr, 1, 1, &device);
      _exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  void send(int signal) const { kill(child_, signal); }
  ~RpcServer() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }

 private:
  pid_t child_;
};

class Rpc : public testing::Test {
 protected:
  // Before anything is computed: a process that has OpenMP's threads cannot be forked and compute.
  static void SetUpTestSuite() {
    for (int i = 0; i < kServers; ++i) servers_.push_back(std::make_unique<RpcServer>(endpoint(i)));
  }
  static void TearDownTestSuite() { servers_.clear(); }

  // The first is there for all tests; a test that ends one has its own.
  static std::string endpoint(int server = 0) {
    return "127.0.0.1:" + std::to_string(20000 + (::getpid() * kServers + server) % 20000);
  }
  static void stop(int server) { servers_[static_cast<std::size_t>(server)].reset(); }
  static void send(int server, int signal) { servers_[static_cast<std::size_t>(server)]->send(signal); }

  // A tiny model of four blocks, all on that server.
  static LoadOptions on(int server, const std::string& path) {
    TinyOptions tiny;
    tiny.n_layers = 4;
    write_tiny_model(tiny, path);
    LoadOptions options;
    options.path = path;
    options.rpc_servers = {endpoint(server)};
    options.rpc_timeout = std::chrono::seconds(1);
    return options;
  }

 private:
  static constexpr int kServers = 5;
  static inline std::vector<std::unique_ptr<RpcServer>> servers_;
};

// Does something once, when the second block's attention is shown.
class AtSecondBlock final : public Observer {
 public:
  explicit AtSecondBlock(std::function<void()> act) : act_(std::move(act)) {}
  bool wants_attention(int) override { return true; }
  void on_attention(const AttentionEvent& event) override {
    if (event.layer == 1 && act_) std::exchange(act_, nullptr)();
  }

 private:
  std::function<void()> act_;
};

TEST_F(Rpc, AModelOnAnotherMachineShowsTheSame) {
  const std::string path = testing::TempDir() + "rpc_" + std::to_string(::getpid()) + ".gguf";
  TinyOptions tiny;
  tiny.n_layers = 4;
  write_tiny_model(tiny, path);
  LoadOptions options;
  options.path = path;
  options.n_ubatch = 32;
  options.rpc_servers = {endpoint()};
  const auto model = load_model(options);
  EXPECT_TRUE(model->lacking().empty());
  Pack pack;
  pack.sequences.push_back({kTinyBos});
  for (int i = 0; i < 70; ++i) pack.sequences[0].push_back((i * i + 3 * i) % 256);
  InvariantObserver observer(model->facts());
  model->run(pack, observer, {});
  EXPECT_EQ(observer.attentions, 3 * 4);
  EXPECT_LT(observer.worst_write_error, 1e-6);
  EXPECT_LT(observer.worst_mass_error, 1e-5);
  std::filesystem::remove(path);
}

// What is edited is written to the other machine, and what it computes next is what this machine computes.
TEST_F(Rpc, EditsReachAModelOnAnotherMachine) {
  const std::string path = testing::TempDir() + "rpc_edits_" + std::to_string(::getpid()) + ".gguf";
  TinyOptions tiny;
  tiny.arch = "gemma3";
  tiny.n_layers = 6;  // of both windows
  write_tiny_model(tiny, path);
  LoadOptions options;
  options.path = path;
  options.n_ubatch = 64;
  options.runtime.n_threads = 1;
  options.max_sequences = 2;
  options.precision = Precision::kNative;
  const auto here = load_model(options);
  options.rpc_servers = {endpoint()};
  const auto there = load_model(options);
  const Pack pack{{some_text(50, 1), some_text(150, 2)}};
  HideKeys hide(std::vector<HiddenKeys>{{.sequence = 1, .positions = {0, 60}, .first_layer = 1},
                                        {.sequence = 0, .positions = {7}, .last_layer = 0}});
  std::vector<float> vector(static_cast<std::size_t>(here->facts().d_model), 0.0F);
  vector[3] = 20;
  ChangeRows change({{{ProbePoint::kMlpWrite, 2, 1, 30}, ReplaceRow{vector}},
                     {{ProbePoint::kEmbedding, -1, 0, 5}, AddToRow{vector}},
                     {{ProbePoint::kBlockOutput, 0, 1, 100}, AddToRow{vector}}});
  const RunRecord wanted = record(*here, pack, {&hide, &change}), got = record(*there, pack, {&hide, &change});
  EXPECT_EQ(got.bits, wanted.bits) << "the same code on the same processor";
  EXPECT_NE(record(*there, pack).bits, wanted.bits);
  EXPECT_EQ(record(*there, pack).bits, record(*here, pack).bits) << "the next run knows nothing of it";
  std::filesystem::remove(path);
}

TEST_F(Rpc, OtherModelsDoNotUseTheServer) {
  const std::string path = testing::TempDir() + "rpc_other_" + std::to_string(::getpid()) + ".gguf";
  write_tiny_model(TinyOptions{}, path);
  LoadOptions options;
  options.path = path;
  LoadOptions remote = options;
  remote.rpc_servers = {endpoint(1)};
  load_model(remote);
  stop(1);
  const auto model = load_model(options);
  EXPECT_FALSE(record(*model, Pack{{some_text(50, 1)}}).bits.empty());
  std::filesystem::remove(path);
}

// Lost while it computes, in each way: the process lives, the reason is told, in time; and the next model finds it there.
TEST_F(Rpc, AServerThatIsLostIsTold) {
  const std::string path = testing::TempDir() + "rpc_lost_" + std::to_string(::getpid()) + ".gguf";
  const Pack pack{{some_text(200, 1)}};
  using Clock = std::chrono::steady_clock;
  const auto run_and_lose = [&](Model& model, int server, int signal, const std::string& reason) {
    AtSecondBlock observer([&] { send(server, signal); });
    const auto begun = Clock::now();
    expect_error(ErrorCode::kModel, reason, [&] { model.run(pack, observer, {}); });
    EXPECT_LT(Clock::now() - begun, std::chrono::seconds(5));
    Observer nobody;
    expect_error(ErrorCode::kModel, reason, [&] { model.run(pack, nobody, {}); });
  };
  const LoadOptions stopped = on(2, path);
  {
    const auto model = load_model(stopped);
    record(*model, pack);
    run_and_lose(*model, 2, SIGSTOP, "none in 1 s");
  }
  expect_error(ErrorCode::kModel, "none in 1 s", [&] { load_model(stopped); });
  send(2, SIGCONT);
  LoadOptions here = stopped;
  here.rpc_servers.clear();
  here.precision = Precision::kNative;
  LoadOptions there = stopped;
  there.rpc_timeout = std::chrono::seconds(60);
  there.precision = Precision::kNative;
  EXPECT_EQ(record(*load_model(there), pack).bits, record(*load_model(here), pack).bits);
  const auto model = load_model(on(3, path));
  run_and_lose(*model, 3, SIGKILL, "127.0.0.1");
  std::filesystem::remove(path);
}

TEST_F(Rpc, WhoeverStopsWaitsForNoServer) {
  const std::string path = testing::TempDir() + "rpc_stop_" + std::to_string(::getpid()) + ".gguf";
  LoadOptions options = on(4, path);
  options.rpc_timeout = std::chrono::seconds(600);
  std::atomic<bool> asked = false;
  options.should_stop = [&] { return asked.load(); };
  const auto model = load_model(options);
  AtSecondBlock observer([&] {
    send(4, SIGSTOP);
    asked = true;
  });
  expect_error(ErrorCode::kInterrupted, "stopped while --rpc", [&] { model->run(Pack{{some_text(200, 1)}}, observer, {}); });
  expect_error(ErrorCode::kInterrupted, "stopped", [&] { load_model(on(0, path)), load_model(options); });
  options.rpc_servers.clear();
  expect_error(ErrorCode::kInterrupted, "was being loaded", [&] { load_model(options); });
  std::filesystem::remove(path);
}

TEST_F(Rpc, AServerThatIsNotThereIsNamed) {
  const std::string path = testing::TempDir() + "rpc_none_" + std::to_string(::getpid()) + ".gguf";
  write_tiny_model(TinyOptions{}, path);
  LoadOptions options;
  options.path = path;
  options.rpc_servers = {"127.0.0.1:1"};
  try {
    load_model(options);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kModel);
    EXPECT_NE(std::string(error.what()).find("127.0.0.1:1"), std::string::npos);
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace sinkscope
