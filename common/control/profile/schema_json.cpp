// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include <fmt/format.h>

#include "common/control/profile/shape.h"

namespace millrace::control {
namespace {

namespace json = boost::json;

void print(const json::value& value, unsigned depth, std::string& out) {
  const std::string indent(2 * (std::size_t{depth} + 1), ' ');
  const auto members = [&](char open, char close, const auto& range, const auto& one) {
    out += open;
    bool first = true;
    for (const auto& member : range) {
      out += first ? "\n" : ",\n";
      first = false;
      out += indent;
      one(member);
    }
    if (!first) out.append("\n").append(indent, 2);
    out += close;
  };
  if (value.is_object()) {
    members('{', '}', value.get_object(), [&](const json::key_value_pair& member) {
      out += fmt::format("{}: ", json::serialize(member.key()));
      print(member.value(), depth + 1, out);
    });
  } else if (value.is_array() && std::ranges::any_of(value.get_array(), [](const json::value& one) {
               return one.is_structured();
             })) {
    members('[', ']', value.get_array(), [&](const json::value& one) { print(one, depth + 1, out); });
  } else {
    out += json::serialize(value);
  }
}

// What stands in a profile as `text`.
json::value value_of(std::string_view text) {
  if (text == "true" || text == "false") return text == "true";
  if (text == "{}") return json::object();
  if (text.starts_with('[') && text.ends_with(']')) {
    json::array items;
    for (std::string_view rest = text.substr(1, text.size() - 2); !rest.empty();) {
      const auto comma = std::min(rest.find(", "), rest.size());
      items.emplace_back(value_of(rest.substr(0, comma)));
      rest.remove_prefix(std::min(comma + 2, rest.size()));
    }
    return items;
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) return number;
  const bool quoted = text.size() > 1 && text.front() == '"';
  return json::string(quoted ? text.substr(1, text.size() - 2) : text);
}

class Writer {
 public:
  std::string write(const Shape& root, const std::string& title) {
    json::object out{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", title}};
    for (const auto& member : structure(root)) out.insert(member);
    out.emplace("$defs", definitions_);
    std::string text;
    print(out, 0, text);
    return text + "\n";
  }

 private:
  json::object describe(const Shape& shape) {
    switch (shape.kind) {
      case Shape::Kind::kBool:
        return {{"type", "boolean"}};
      case Shape::Kind::kInteger:
        return {{"type", "integer"}, {"minimum", shape.least}, {"maximum", shape.most}};
      case Shape::Kind::kText:
        return text(shape);
      case Shape::Kind::kChoice: {
        json::array words;
        for (const auto& one : shape.choices) words.emplace_back(one.word);
        return {{"enum", std::move(words)}};
      }
      case Shape::Kind::kList: {
        json::object list{{"type", "array"}, {"items", describe(shape.parts[0])}};
        if (!shape.may_be_empty) list.emplace("minItems", 1);
        return {{"anyOf", json::array{describe(shape.parts[0]), std::move(list)}}};
      }
      case Shape::Kind::kMap: {
        json::object map{{"type", "object"},
                         {"propertyNames", describe(shape.parts[0])},
                         {"additionalProperties", describe(shape.parts[1])}};
        if (!shape.may_be_empty) map.emplace("minProperties", 1);
        return map;
      }
      case Shape::Kind::kOneOf: {
        json::array ways;
        for (const Shape& part : shape.parts) ways.emplace_back(describe(part));
        return {{"anyOf", std::move(ways)}};
      }
      case Shape::Kind::kStruct:
        break;
    }
    std::string name = shape.name;
    std::ranges::replace(name, ' ', '_');
    if (!definitions_.contains(name)) definitions_.insert_or_assign(name, structure(shape));
    return {{"$ref", fmt::format("#/$defs/{}", name)}};
  }

  static json::object text(const Shape& shape) {
    json::object out{{"type", "string"}};
    if (shape.integer_too) {
      out["type"] = json::array{"integer", "string"};
      out.emplace("minimum", shape.least);
      out.emplace("maximum", shape.most);
    }
    if (!shape.pattern.empty()) out.emplace("pattern", fmt::format("^({})$", shape.pattern));
    return out;
  }

  json::object structure(const Shape& shape) {
    json::object properties;
    json::array required;
    for (std::size_t i = 0; i < shape.fields.size(); ++i) {
      const Shape::Field& field = shape.fields[i];
      json::object property = describe(shape.parts[i]);
      property.emplace("description", field.doc);
      if (field.default_is_value) property.emplace("default", value_of(field.default_text));
      properties.emplace(field.key, std::move(property));
      if (field.required) required.emplace_back(field.key);
    }
    json::object out{{"type", "object"}};
    if (!shape.doc.empty()) out.emplace("description", shape.doc);
    out.emplace("properties", std::move(properties));
    if (!required.empty()) out.emplace("required", std::move(required));
    out.emplace("additionalProperties", false);
    return out;
  }

  json::object definitions_;
};

}  // namespace

std::string to_json_schema(const Shape& shape, const std::string& title) {
  return Writer().write(shape, title);
}

}  // namespace millrace::control
