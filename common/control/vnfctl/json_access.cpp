// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/json_access.h"

#include <cmath>

#include <fmt/format.h>

namespace millrace::vnfctl {
namespace {

void write(std::string& out, const boost::json::value& value, std::size_t depth) {
  const std::string inner((depth + 1) * 2, ' ');
  const std::string outer(depth * 2, ' ');
  const char* separator = "\n";
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    out += '{';
    for (const auto& member : *object) {
      out += fmt::format("{}{}{}: ", separator, inner, boost::json::serialize(member.key()));
      write(out, member.value(), depth + 1);
      separator = ",\n";
    }
    out += fmt::format("\n{}}}", outer);
  } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
    out += '[';
    for (const auto& element : *array) {
      out += separator + inner;
      write(out, element, depth + 1);
      separator = ",\n";
    }
    out += fmt::format("\n{}]", outer);
  } else {
    out += boost::json::serialize(value);
  }
}

}  // namespace

const boost::json::value* find(const boost::json::value& value, std::string_view path) {
  const auto dot = path.find('.');
  const auto* object = value.if_object();
  if (object == nullptr) return nullptr;
  const boost::json::value* member = object->if_contains(path.substr(0, dot));
  if (member == nullptr || dot == std::string_view::npos) return member;
  return find(*member, path.substr(dot + 1));
}

std::string text_at(const boost::json::value& value, std::string_view path) {
  const boost::json::value* member = find(value, path);
  return member == nullptr || member->is_null() ? "-" : to_text(*member);
}

double number_at(const boost::json::value& value, std::string_view path) {
  const boost::json::value* member = find(value, path);
  return member != nullptr && member->is_number() ? member->to_number<double>() : 0;
}

bool flag_at(const boost::json::value& value, std::string_view path) {
  const boost::json::value* member = find(value, path);
  return member != nullptr && member->is_bool() && member->get_bool();
}

const boost::json::array& array_at(const boost::json::value& value, std::string_view path) {
  static const boost::json::array kNone;
  const boost::json::value* member = find(value, path);
  return member != nullptr && member->is_array() ? member->get_array() : kNone;
}

boost::json::value json_number(double number) {
  constexpr double kExact = 9007199254740992;  // 2^53: integers up to it are exact in a double
  if (!std::isfinite(number)) return nullptr;
  if (std::trunc(number) == number && std::abs(number) <= kExact) return static_cast<std::int64_t>(number);
  return number;
}

std::string to_text(const boost::json::value& scalar) {
  if (const auto* text = scalar.if_string()) return {text->data(), text->size()};
  return boost::json::serialize(scalar);
}

std::string pretty(const boost::json::value& value) {
  std::string out;
  write(out, value, 0);
  return out + "\n";
}

}  // namespace millrace::vnfctl
