#include "base/sha256.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/encodings.h"
#include "base/error.h"

namespace sinkscope {

struct Sha256::Context {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(digest); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) { EVP_DigestInit_ex(context_->digest, EVP_sha256(), nullptr); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size());
}

std::array<std::byte, 32> Sha256::digest() {
  std::array<std::byte, 32> digest{};
  EVP_DigestFinal_ex(context_->digest, reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

std::string Sha256::hex() { return hex_string(digest()); }

std::string sha256_of_text(std::string_view text) {
  Sha256 sha;
  sha.update(std::as_bytes(std::span(text)));
  return sha.hex();
}

std::string sha256_of_file(const std::string& path, const std::function<bool()>& should_stop) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) throw Error(ErrorCode::kInput, path + ": expected a readable file, got: " + std::strerror(errno));
  Sha256 sha;
  std::vector<std::byte> buffer(1 << 20);
  std::size_t got = 0;
  bool stopped = false;
  while (!stopped && (got = std::fread(buffer.data(), 1, buffer.size(), file)) > 0) {
    sha.update({buffer.data(), got});
    stopped = should_stop && should_stop();
  }
  const bool failed = std::ferror(file) != 0;
  std::fclose(file);
  if (stopped) throw Error(ErrorCode::kInterrupted, path + ": stopped before all of it was read");
  if (failed) throw Error(ErrorCode::kInput, path + ": expected to read the whole file, got a read error");
  return sha.hex();
}

}  // namespace sinkscope
