// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/discovery/backend_list.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace millrace::load_balancer::discovery {
namespace {

constexpr std::size_t kMostErrors = 20;
constexpr std::string_view kBlank = " \t\r";

// Lines may hold bytes that are no text; messages may not, nor endless words.
std::string quoted(std::string_view text) {
  std::string shown(text.substr(0, 64));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return "\"" + shown + (text.size() > shown.size() ? "...\"" : "\"");
}

// Takes the first word off the line; empty at its end.
std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

template <class Number>
std::optional<Number> number_in(std::string_view text, Number least, Number most) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number < least || number > most ? std::nullopt : std::optional(number);
}

// What is wrong with it, or nothing.
std::string read_line(std::string_view line, FoundBackend& backend) {
  const std::string_view address = next_word(line);
  const auto parsed = net::IpAddress::parse(address);
  if (!parsed) return fmt::format("{} is no address; a line is ADDRESS [port=N] [weight=N]", quoted(address));
  backend.address = *parsed;
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
    const std::string_view key = word.substr(0, word.find('='));
    const std::string_view value = word.substr(std::min(key.size() + 1, word.size()));
    if (key == "port" && !backend.port) {
      backend.port = number_in<std::uint16_t>(value, 1, 65'535);
      if (!backend.port) return fmt::format("port {} is not from 1 to 65535", quoted(value));
    } else if (key == "weight" && !backend.weight) {
      backend.weight = number_in<std::uint32_t>(value, 0, kMostWeight);
      if (!backend.weight) return fmt::format("weight {} is not from 0 to {}", quoted(value), kMostWeight);
    } else if (key == "port" || key == "weight") {
      return fmt::format("{} is given twice", key);
    } else {
      return fmt::format("{} is not known; behind the address stand port=N and weight=N", quoted(word));
    }
  }
  return {};
}

}  // namespace

tl::expected<std::vector<FoundBackend>, std::vector<Error>> parse_backends(std::string_view text,
                                                                           const std::string& file) {
  std::vector<FoundBackend> backends;
  std::vector<Error> errors;
  std::map<std::pair<net::IpAddress, std::optional<std::uint16_t>>, std::size_t> line_of;
  std::size_t number = 0;
  while (!text.empty() && errors.size() < kMostErrors) {
    ++number;
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(kBlank) == std::string_view::npos) continue;

    FoundBackend backend;
    std::string wrong = read_line(line, backend);
    if (wrong.empty()) {
      const auto [known, fresh] = line_of.emplace(std::pair(backend.address, backend.port), number);
      if (!fresh) wrong = fmt::format("{} is in line {} too", backend.address.to_string(), known->second);
    }
    if (wrong.empty() && backends.size() == kMostBackends) {
      wrong = fmt::format("more than {} backends", kMostBackends);
      text = {};
    }
    if (wrong.empty()) {
      backends.push_back(backend);
    } else {
      errors.push_back({"read the list of backends", std::move(wrong), fmt::format("{}:{}", file, number)});
    }
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return backends;
}

}  // namespace millrace::load_balancer::discovery
