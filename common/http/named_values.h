// SPDX-License-Identifier: BSD-3-Clause
// Header fields and parameters: few, in order, a name possibly more than once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::http {

struct SameText {
  [[nodiscard]] static bool same(std::string_view a, std::string_view b) noexcept { return a == b; }
};

// ASCII letters only, whatever the locale (RFC 9110 section 5.1).
struct SameIgnoringCase {
  [[nodiscard]] static constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  [[nodiscard]] static bool same(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
  }
};

template <class Comparison>
class NamedValues {
 public:
  struct Field {
    std::string name;
    std::string value;
  };

  // The first value under the name, or null. Valid until the next change.
  [[nodiscard]] const std::string* find(std::string_view name) const noexcept {
    for (const Field& field : fields_) {
      if (Comparison::same(field.name, name)) return &field.value;
    }
    return nullptr;
  }
  [[nodiscard]] bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }
  [[nodiscard]] std::string_view get(std::string_view name, std::string_view otherwise = {}) const noexcept {
    const std::string* value = find(name);
    return value == nullptr ? otherwise : std::string_view(*value);
  }
  [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const Field& field : fields_) {
      if (Comparison::same(field.name, name)) values.emplace_back(field.value);
    }
    return values;
  }

  void add(std::string_view name, std::string_view value) {
    fields_.push_back({std::string(name), std::string(value)});
  }
  // In place of all values the name had.
  void set(std::string_view name, std::string_view value) {
    erase(name);
    add(name, value);
  }
  void erase(std::string_view name) {
    std::erase_if(fields_, [name](const Field& field) { return Comparison::same(field.name, name); });
  }

  [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
  [[nodiscard]] auto end() const noexcept { return fields_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }

 private:
  std::vector<Field> fields_;
};

using Headers = NamedValues<SameIgnoringCase>;
using Parameters = NamedValues<SameText>;

}  // namespace millrace::http
