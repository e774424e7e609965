#include <ggml-backend.h>
#include <ggml-rpc.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "base/error.h"
#include "engine/llama/model.h"
#include "plant/tiny/tiny.h"
#include "probe/change_rows.h"
#include "probe/hide_keys.h"
#include "tests/engine/edits/run_record.h"
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
      ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
      ggml_backend_rpc_start_server(endpoint.c_str(), nullptr, 1, 1, &device);
      _exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
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
    server_ = std::make_unique<RpcServer>(endpoint());
    spare_ = std::make_unique<RpcServer>(spare_endpoint());
  }
  static void TearDownTestSuite() {
    server_.reset();
    spare_.reset();
  }
  static std::string endpoint() {
    static const std::string address = "127.0.0.1:" + std::to_string(20000 + ::getpid() % 20000);
    return address;
  }

  static std::string spare_endpoint() {
    static const std::string address = "127.0.0.1:" + std::to_string(20000 + (::getpid() + 1) % 20000);
    return address;
  }
  static void stop_spare() { spare_.reset(); }

 private:
  static inline std::unique_ptr<RpcServer> server_, spare_;
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
  remote.rpc_servers = {spare_endpoint()};
  load_model(remote);
  stop_spare();
  const auto model = load_model(options);
  EXPECT_FALSE(record(*model, Pack{{some_text(50, 1)}}).bits.empty());
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
