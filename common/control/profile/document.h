// SPDX-License-Identifier: BSD-3-Clause
// YAML text as a tree with the place of every value. One document, no tags; aliases are followed, but depth
// and number of nodes are bounded after expansion, so a small text cannot become a large tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/profile/diagnostics.h"

namespace millrace::control {

struct Node {
  enum class Kind : std::uint8_t { kNull, kScalar, kSequence, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  bool quoted = false;       // kScalar
  bool broken = false;       // its error is reported already
  std::uint32_t weight = 1;  // nodes in it when aliases are expanded, itself included
  Position at;
  std::string text;                // kScalar
  std::vector<const Node*> items;  // kSequence
  std::vector<Entry> entries;      // kMap, in the order of the file, no key twice
};

struct Node::Entry {
  const Node* key;  // a scalar
  const Node* value;
};

class Document {
 public:
  static constexpr std::size_t kMostBytes = 16U << 20U;
  static constexpr std::uint32_t kMostNodes = 1'000'000;
  static constexpr std::size_t kMostDepth = 32;

  // Nothing when the text is not one YAML document; duplicate keys are reported and the first one kept.
  [[nodiscard]] static std::optional<Document> parse(std::string_view text, Diagnostics& diagnostics);

  // Lives as long as the document.
  [[nodiscard]] const Node& root() const noexcept { return *root_; }

 private:
  Document() = default;

  std::deque<Node> nodes_;  // stable addresses
  const Node* root_ = nullptr;
};

}  // namespace millrace::control
