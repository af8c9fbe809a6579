// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/schema.h"

#include <algorithm>

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

void FieldTable::add(std::string key, std::size_t offset, std::shared_ptr<const AnyType> type,
                     std::string doc, Presence presence) {
  fields_.push_back({std::move(key), offset, std::move(type), std::move(doc), std::move(presence)});
}

void FieldTable::include(const FieldTable& part, std::size_t offset) {
  for (Field field : part.fields_) {
    field.offset += offset;
    fields_.push_back(std::move(field));
  }
  refused_.insert(refused_.end(), part.refused_.begin(), part.refused_.end());
}

const FieldTable::Field* FieldTable::find(std::string_view key) const {
  const auto field = std::ranges::find(fields_, key, &Field::key);
  return field == fields_.end() ? nullptr : &*field;
}

const std::string* FieldTable::refusal(std::string_view key) const {
  const auto refused = std::ranges::find(refused_, key, &Refused::key);
  return refused == refused_.end() ? nullptr : &refused->text;
}

bool FieldTable::unknown_key(const Node& key, Reader& reader) const {
  std::vector<std::string> known;
  known.reserve(fields_.size());
  for (const Field& field : fields_) known.push_back(field.key);
  std::string text = fmt::format("unknown key {} in {}; ", quote(key.text), name_);
  if (const auto meant = closest(key.text, known)) text += fmt::format("did you mean {}? ", quote(*meant));
  return reader.error(key.at, text + fmt::format("known keys are {}", fmt::join(known, ", ")));
}

bool FieldTable::missing_key(const Node& map, const Field& field, Reader& reader) const {
  return reader.error(map.at, fmt::format("{} lacks '{}'; give {}: {}", name_, field.key, field.key,
                                          field.type->shape().phrase));
}

bool FieldTable::read(const Node& node, void* structure, Reader& reader) const {
  if (!detail::expect_map(node, phrase(), reader)) return false;
  bool good = true;
  std::vector<bool> seen(fields_.size());
  std::size_t refused = 0;
  for (const Node::Entry& entry : node.entries) {
    const std::string& key = entry.key->text;
    if (const Field* field = find(key)) {
      seen[static_cast<std::size_t>(field - fields_.data())] = true;
      const Reader::Scope scope(reader, key);
      good =
          field->type->read_at(*entry.value, static_cast<char*>(structure) + field->offset, reader) && good;
    } else if (const std::string* text = refusal(key)) {
      ++refused;
      good = reader.error(entry.key->at, *text);
    } else {
      good = unknown_key(*entry.key, reader);
    }
  }
  if (refused > 0 && refused == node.entries.size())
    return false;  // the writer meant something else altogether
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (!seen[i] && fields_[i].presence.required) good = missing_key(node, fields_[i], reader);
  }
  return good;
}

std::string FieldTable::phrase() const {
  std::string keys;
  for (const Field& field : fields_) keys += (keys.empty() ? "" : ", ") + field.key;
  return fmt::format("{} as a mapping with the keys {}", name_, keys);
}

Shape FieldTable::shape(const void* initial) const {
  Shape shape{.kind = Shape::Kind::kStruct, .phrase = phrase(), .name = name_, .doc = doc_};
  for (const Field& field : fields_) {
    Shape::Field described{.key = field.key, .doc = field.doc, .required = field.presence.required};
    if (!field.presence.required) {
      const std::string& absent = field.presence.absent;
      described.default_text =
          absent.empty() ? field.type->show_at(static_cast<const char*>(initial) + field.offset) : absent;
      described.default_is_value = absent.empty() && !described.default_text.empty();
    }
    shape.fields.push_back(std::move(described));
    shape.parts.push_back(field.type->shape());
  }
  return shape;
}

}  // namespace millrace::control
