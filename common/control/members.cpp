// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/members.h"

#include <boost/json.hpp>
#include <charconv>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/control/profile/text.h"

namespace millrace::control {
namespace {

constexpr std::size_t kLongestText = 255;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view view(const boost::json::string& text) { return {text.data(), text.size()}; }

}  // namespace

Members::Members(boost::json::object object, std::string path)
    : object_(std::move(object)), path_(std::move(path)) {}

Members Members::of_query(const http::Parameters& query) {
  Members members{boost::json::object{}};
  members.textual_ = true;
  for (const auto& field : query) {
    if (members.object_.contains(field.name)) {
      members.refuse(field.name, "is given twice");
    } else {
      members.object_[field.name] = field.value;
    }
  }
  return members;
}

std::optional<std::string> Members::text(std::string_view name) {
  const boost::json::value* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    refuse(name, "must be a text");
    return std::nullopt;
  }
  const std::string_view text = view(value->get_string());
  if (text.empty() || text.size() > kLongestText) {
    refuse(name, fmt::format("must have 1 to {} characters", kLongestText));
    return std::nullopt;
  }
  return std::string(text);
}

std::optional<std::uint64_t> Members::number(std::string_view name, std::uint64_t least, std::uint64_t most) {
  const boost::json::value* value = take(name);
  if (value == nullptr) return std::nullopt;
  std::optional<std::uint64_t> number;
  if (textual_) {
    number = parse_number(view(value->get_string()));
  } else if (value->is_uint64()) {
    number = value->get_uint64();
  } else if (value->is_int64() && value->get_int64() >= 0) {
    number = static_cast<std::uint64_t>(value->get_int64());
  }
  if (number && *number >= least && *number <= most) return number;
  const std::string given =
      textual_ ? quote(view(value->get_string())) : quote(boost::json::serialize(*value));
  refuse(name, fmt::format("{} is not a whole number from {} to {}", given, least, most));
  return std::nullopt;
}

std::optional<bool> Members::boolean(std::string_view name) {
  const boost::json::value* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->get_bool();
  if (textual_) {
    const std::string_view text = view(value->get_string());
    if (text == "true") return true;
    if (text == "false") return false;
  }
  refuse(name, "must be true or false");
  return std::nullopt;
}

std::optional<Members> Members::object(std::string_view name) {
  const boost::json::value* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_object()) return Members(value->get_object(), full_name(name));
  refuse(name, "must be an object");
  return std::nullopt;
}

std::optional<std::string> Members::text_or_number(std::string_view name) {
  const boost::json::value* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_uint64() || value->is_int64()) return boost::json::serialize(*value);
  return text(name);
}

void Members::refuse(std::string_view name, std::string reason) {
  if (!wrong_) wrong_ = Error{"read the request", std::move(reason), full_name(name)};
}

void Members::adopt(Members& within) {
  if (const auto result = within.finish(); !result && !wrong_) wrong_ = result.error();
}

Result<void> Members::finish() {
  for (const auto& member : object_) {
    const std::string_view name(member.key().data(), member.key().size());
    if (asked_.contains(name)) continue;
    const std::vector<std::string> known(asked_.begin(), asked_.end());
    const auto meant = closest(name, known);
    if (known.empty()) {
      refuse(name, "is not known; none is taken here");
    } else if (meant) {
      refuse(name, fmt::format("is not known; did you mean {}?", *meant));
    } else {
      refuse(name, fmt::format("is not known; known are {}", listing(known)));
    }
  }
  if (wrong_) return tl::unexpected(*wrong_);
  return {};
}

const boost::json::value* Members::take(std::string_view name) {
  asked_.emplace(name);
  return object_.if_contains(name);
}

std::string Members::full_name(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

}  // namespace millrace::control
