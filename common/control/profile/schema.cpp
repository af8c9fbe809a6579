// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/schema.h"

#include <fmt/format.h>

#include "common/control/profile/text.h"

namespace millrace::control {

bool Reader::refuse(const Node& node, std::string_view wrong, std::string_view right) {
  if (node.broken) return false;
  const std::string key = key_.empty() ? "" : fmt::format("{}: ", key_);
  const std::string give = fmt::format("{} give {}", wrong.ends_with('?') ? "" : ";", right);
  switch (node.kind) {
    case Node::Kind::kNull:
      return error(node.at, fmt::format("{}there is no value{}", key, give));
    case Node::Kind::kSequence:
      return error(node.at, fmt::format("{}a list {}{}", key, wrong, give));
    case Node::Kind::kMap:
      return error(node.at, fmt::format("{}a mapping {}{}", key, wrong, give));
    case Node::Kind::kScalar:
      break;
  }
  return error(node.at, fmt::format("{}{} {}{}", key, quote(node.text), wrong, give));
}

bool Reader::error(Position at, std::string message) {
  diagnostics_.error(at, std::move(message));
  return false;
}

namespace detail {

bool expect_map(const Node& node, std::string_view right, Reader& reader) {
  return node.kind == Node::Kind::kMap || reader.refuse(node, "does not fit", right);
}

bool empty_list(const Node& node, Reader& reader) {
  return reader.refuse(node, "without entries is of no use", "at least one entry");
}

bool unknown_key(const Node& key, std::string_view structure, const std::vector<std::string>& known,
                 Reader& reader) {
  std::string text = fmt::format("unknown key {} in {}; ", quote(key.text), structure);
  if (const auto meant = closest(key.text, known)) text += fmt::format("did you mean {}? ", quote(*meant));
  return reader.error(key.at, text + "known keys are " + fmt::format("{}", fmt::join(known, ", ")));
}

bool missing_key(const Node& map, std::string_view structure, std::string_view key, std::string_view right,
                 Reader& reader) {
  return reader.error(map.at, fmt::format("{} lacks '{}'; give {}: {}", structure, key, key, right));
}

std::string map_phrase(std::string_view structure, const std::vector<std::string>& keys) {
  return fmt::format("{} as a mapping with the keys {}", structure, fmt::join(keys, ", "));
}

std::string show_list(const std::vector<std::string>& items) {
  return fmt::format("[{}]", fmt::join(items, ", "));
}

Shape list_shape(Shape item, bool may_be_empty) {
  Shape shape{.kind = Shape::Kind::kList, .phrase = item.phrase + ", or a list of such"};
  shape.may_be_empty = may_be_empty;
  shape.parts.push_back(std::move(item));
  return shape;
}

Shape map_shape(Shape name, Shape value, bool may_be_empty) {
  Shape shape{.kind = Shape::Kind::kMap, .phrase = fmt::format("a mapping from names to {}", value.phrase)};
  shape.may_be_empty = may_be_empty;
  shape.parts.push_back(std::move(name));
  shape.parts.push_back(std::move(value));
  return shape;
}

}  // namespace detail
}  // namespace millrace::control
