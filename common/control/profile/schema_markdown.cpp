// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "common/control/profile/shape.h"

namespace millrace::control {
namespace {

constexpr std::string_view kIntroduction =
    R"(One YAML file configures an appliance. This page is generated from the table the parser works with, so it says
exactly what is accepted; the JSON Schema beside it gives editors completion.

Errors are `FILE:LINE:COLUMN: what is wrong; what would be right`. All errors of a file are reported in one run, and
a profile with an error changes nothing.

How values are written:

| kind | written | note |
| --- | --- | --- |
| count | `20000`, `20k`, `1M`, `2G` | decimal: `1M` is 1000000 |
| size | `64KiB`, `512MiB`, `1GiB` | binary, in bytes |
| rate | `500/s`, `10k/s`, `10/min`, `100/h` | |
| time | `500ms`, `30s`, `4m`, `2h4m`, `1d` | the unit is always there |
| address | `192.0.2.1`, `2001:db8::1` | in `{...}` and `[...]`, IPv6 that ends in `::` wants quotes |
| prefix | `192.0.2.0/24`, `2001:db8::/32`, an address | no bits beyond the length |
| list | `[a, b]`, or `a` for a list of one | |

YAML gives `@`, `!`, `%` and `*` at the start of a value a meaning of their own: write `"@group"` and `"!10.0.0.0/8"`
with quotes. Anchors and aliases may be used; tags may not.
)";

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

// What stands in the column "value".
std::string value(const Shape& shape, const std::string& path) {
  switch (shape.kind) {
    case Shape::Kind::kStruct:
      return fmt::format("mapping, see `{}`", path);
    case Shape::Kind::kList:
      return fmt::format("list of: {}", value(shape.parts[0], path + "[]"));
    case Shape::Kind::kMap:
      return fmt::format("names to: {}", value(shape.parts[1], path + ".NAME"));
    case Shape::Kind::kOneOf: {
      std::string text;
      for (const Shape& part : shape.parts)
        text += fmt::format("{}{}", text.empty() ? "" : "; or ", value(part, path));
      return text;
    }
    case Shape::Kind::kChoice: {
      std::string text;
      for (const auto& one : shape.choices) text += fmt::format("{}`{}`", text.empty() ? "" : ", ", one.word);
      return text;
    }
    default:
      return shape.phrase;
  }
}

// The words a value may be, with what each means.
std::string words(const Shape& shape) {
  std::string text;
  if (shape.kind == Shape::Kind::kChoice) {
    for (const auto& one : shape.choices) {
      if (!one.doc.empty()) text += fmt::format("<br>`{}`: {}", one.word, one.doc);
    }
  }
  if (shape.kind == Shape::Kind::kOneOf || shape.kind == Shape::Kind::kList) {
    for (const Shape& part : shape.parts) text += words(part);
  }
  return text;
}

void structure(const Shape& shape, const std::string& path, std::string& out);

// The structures within a value, each a section of its own.
void inner(const Shape& shape, const std::string& path, std::string& out) {
  switch (shape.kind) {
    case Shape::Kind::kStruct:
      return structure(shape, path, out);
    case Shape::Kind::kList:
      return inner(shape.parts[0], path + "[]", out);
    case Shape::Kind::kMap:
      return inner(shape.parts[1], path + ".NAME", out);
    case Shape::Kind::kOneOf:
      for (const Shape& part : shape.parts) inner(part, path, out);
      return;
    default:
      return;
  }
}

void table(const Shape& shape, const std::string& path, std::string& out) {
  out += "\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n";
  const std::string before = path.empty() ? "" : path + ".";
  for (std::size_t i = 0; i < shape.fields.size(); ++i) {
    const Shape::Field& field = shape.fields[i];
    std::string absent = field.required           ? "required"
                         : field.default_is_value ? fmt::format("`{}`", field.default_text)
                                                  : field.default_text;
    out += fmt::format("| `{}` | {} | {} | {} |\n", field.key,
                       cell(capital(value(shape.parts[i], before + field.key))), cell(absent),
                       cell(field.doc + words(shape.parts[i])));
  }
  for (std::size_t i = 0; i < shape.fields.size(); ++i) {
    inner(shape.parts[i], before + shape.fields[i].key, out);
  }
}

void structure(const Shape& shape, const std::string& path, std::string& out) {
  out += fmt::format("\n## `{}`\n\n{}\n", path, shape.doc);
  table(shape, path, out);
}

}  // namespace

std::string to_markdown(const Shape& shape, const std::string& title) {
  std::string out = fmt::format("# {}\n\n{}\n## Top level\n", title, kIntroduction);
  table(shape, "", out);
  return out;
}

}  // namespace millrace::control
