#include "api/capture_observer.h"

#include <algorithm>
#include <array>
#include <memory>

#include "base/error.h"
#include "base/index.h"

namespace sinkscope {
namespace {

constexpr std::array kSumsAndNorms = {"attention_sums", "far_attention_sums", "key_norm", "value_norm"};

std::string joined_names() {
  std::string text;
  for (const std::string& name : captured_names()) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void check(const Captured& captured, int n_layers) {
  const std::vector<std::string> names = captured_names();
  if (std::ranges::find(names, captured.name) == names.end()) {
    throw Error(ErrorCode::kUsage, "capture: expected one of " + joined_names() + "; got '" + captured.name + "'");
  }
  const bool is_embedding = captured.name == name_of(ProbePoint::kEmbedding);
  const int first = is_embedding ? -1 : 0, last = is_embedding ? -1 : n_layers - 1;
  if (captured.layer < first || captured.layer > last) {
    throw Error(ErrorCode::kUsage, "capture: " + captured.name + ": expected a layer from " + std::to_string(first) +
                                       " to " + std::to_string(last) + ", got " + std::to_string(captured.layer));
  }
}

}  // namespace

std::vector<std::string> captured_names() {
  std::vector<std::string> names;
  for (int point = 0; point < kProbePoints; ++point) names.emplace_back(name_of(static_cast<ProbePoint>(point)));
  names.insert(names.end(), kSumsAndNorms.begin(), kSumsAndNorms.end());
  return names;
}

CaptureObserver::CaptureObserver(const Model& model, int n_tokens, std::span<const Captured> captured)
    : model_(model), n_tokens_(index(n_tokens)) {
  for (const Captured& one : captured) {
    check(one, model.facts().n_layers);
    asked_.emplace_back(one.name, one.layer);
    kept_.try_emplace(asked_.back());
  }
}

bool CaptureObserver::wants_attention(int layer) {
  return std::ranges::any_of(kSumsAndNorms, [&](const char* name) { return has(name, layer); });
}

CaptureObserver::Kept* CaptureObserver::find(const std::string& name, int layer, std::vector<std::size_t> shape) {
  const auto found = kept_.find({name, layer});
  if (found == kept_.end()) return nullptr;
  Kept& kept = found->second;
  if (kept.shape.empty()) {
    std::size_t size = 1;
    for (const std::size_t extent : shape) size *= extent;
    kept.shape = std::move(shape);
    kept.values.resize(size);
  }
  return &kept;
}

void CaptureObserver::on_state(const StateEvent& event) {
  const std::size_t width = event.states.cols();
  Kept* kept = find(std::string(name_of(event.point)), event.layer, {n_tokens_, width});
  if (kept == nullptr) return;
  for (std::size_t row = 0; row < event.states.rows(); ++row) {
    std::ranges::copy(event.states.row(row), kept->values.begin() + static_cast<std::ptrdiff_t>(
                                                                        (index(event.first_token) + row) * width));
  }
}

void CaptureObserver::add_sums(const std::string& name, const AttentionEvent& event, MatrixView<const float> sums) {
  Kept* kept = find(name, event.layer, {sums.rows(), n_tokens_});
  if (kept == nullptr) return;
  for (std::size_t head = 0; head < sums.rows(); ++head) {
    for (std::size_t key = 0; key < sums.cols(); ++key) kept->values[head * n_tokens_ + key] += sums(head, key);
  }
}

void CaptureObserver::on_attention(const AttentionEvent& event) {
  add_sums("attention_sums", event, event.sums);
  add_sums("far_attention_sums", event, event.far_sums);
}

void CaptureObserver::keep_norms(const std::string& name, const KeyValueEvent& event, std::span<const float> norms) {
  if (Kept* kept = find(name, event.layer, {n_tokens_})) {
    std::ranges::copy(norms, kept->values.begin() + event.first_token);
  }
}

void CaptureObserver::on_key_value(const KeyValueEvent& event) {
  keep_norms("key_norm", event, event.key_norm);
  keep_norms("value_norm", event, event.value_norm);
}

std::vector<ArrayView> CaptureObserver::take() {
  std::vector<ArrayView> arrays;
  for (const Key& key : asked_) {
    Kept& kept = kept_.at(key);
    if (kept.shape.empty()) {
      std::string why;
      for (const Lacking& lacking : model_.lacking()) {
        if (lacking.layer == key.second) why += (why.empty() ? ": lacks " : "; ") + lacking.what + ", " + lacking.why;
      }
      throw Error(ErrorCode::kModel, "capture: expected " + key.first + " of layer " + std::to_string(key.second) +
                                         ", got none, as this network does not show it" + why);
    }
  }
  std::map<Key, ArrayView> views;
  for (auto& [key, kept] : kept_) {
    const auto owner = std::make_shared<Kept>(std::move(kept));
    views.emplace(key, ArrayView{owner->shape, owner->values, owner});
  }
  for (const Key& key : asked_) arrays.push_back(views.at(key));
  return arrays;
}

}  // namespace sinkscope
