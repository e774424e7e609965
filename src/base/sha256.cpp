#include "base/sha256.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

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

std::string Sha256::hex() {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_->digest, raw, &size);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[raw[i] >> 4];
    text += kDigits[raw[i] & 15];
  }
  return text;
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
