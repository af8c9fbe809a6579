// SPDX-License-Identifier: BSD-3-Clause
// What a value of the profile looks like, as data: the reference page and the JSON Schema are written from
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::control {

struct Shape {
  enum class Kind : std::uint8_t { kBool, kInteger, kText, kChoice, kList, kMap, kStruct, kOneOf };
  struct Choice {
    std::string word;
    std::string doc;  // may be empty
  };
  struct Field {
    std::string key;
    std::string doc;
    bool required = false;
    std::string default_text = {};  // as one would write it, or what being absent means
    bool default_is_value = false;  // default_text can be written in a profile
  };

  Kind kind = Kind::kText;
  std::string phrase = {};  // completes "give ...": "an integer from 1 to 64"
  std::int64_t least = 0;   // kInteger
  std::int64_t most = 0;
  bool integer_too = false;  // kText: plain YAML integers are accepted as well ("20000" beside "20k")
  std::string pattern = {};  // kText: a regular expression (ECMA 262) the whole text matches, or empty
  std::vector<Choice> choices = {};
  // kList: its items; kMap: names, then values; kOneOf: the alternatives; kStruct: the values of `fields`.
  std::vector<Shape> parts = {};
  bool may_be_empty = true;        // kList, kMap
  std::string name = {};           // kStruct: unique within a schema
  std::string doc = {};            // kStruct
  std::vector<Field> fields = {};  // kStruct
};

// JSON Schema, draft 2020-12, of a whole profile; pretty-printed, ends with a newline.
[[nodiscard]] std::string to_json_schema(const Shape& shape, const std::string& title);

// The reference page: how to write values, then one table per structure of the profile.
[[nodiscard]] std::string to_markdown(const Shape& shape, const std::string& title);

}  // namespace millrace::control
