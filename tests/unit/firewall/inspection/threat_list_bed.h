// SPDX-License-Identifier: BSD-3-Clause
// Lists made of text, for tests to ask.
#pragma once

#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "vnfs/firewall/inspection/http_text.h"
#include "vnfs/firewall/inspection/threat_list_files.h"

namespace millrace::firewall::inspection {

inline constexpr SipKey kListSeed = {0x0123456789abcdef, 0xfedcba9876543210};

inline ThreatListFile list_file(ListKind kind, std::string_view text, std::string name = "list") {
  return {.name = name, .kind = kind, .text = text, .path = name + ".txt"};
}

// Nothing when they are refused, which is a failure of the test.
inline ThreatLists lists_of(const std::vector<ThreatListFile>& files, const ThreatLists* before = nullptr) {
  auto lists = load_threat_lists(files, kListSeed, before);
  if (lists) return std::move(*lists);
  ADD_FAILURE() << lists.error().message();
  return {};
}
inline ThreatLists list_of(ListKind kind, std::string_view text) { return lists_of({list_file(kind, text)}); }

// What load says of the text: the warnings, or the error.
inline std::vector<std::string> told_of(ListKind kind, std::string_view text) {
  const auto lists = load_threat_lists(std::vector{list_file(kind, text)}, kListSeed);
  if (!lists) return {"error: " + lists.error().message()};
  return warnings_of(*lists->member(0).list, "list.txt");
}

inline bool has_domain(const ThreatLists& lists, std::string_view host) {
  return !lists.find_domain(bytes_of(host)).empty();
}
inline bool has_url(const ThreatLists& lists, std::string_view host, std::string_view path) {
  return !lists.find_url(bytes_of(host), bytes_of(path)).empty();
}
inline bool has_address(const ThreatLists& lists, std::string_view address) {
  return !lists.find_address(*net::IpAddress::parse(address)).empty();
}
inline bool has_ja3(const ThreatLists& lists, std::string_view digits) {
  return !lists.find_ja3(bytes_of(digits)).empty();
}

class ListRandom {
 public:
  explicit ListRandom(unsigned seed) : engine_(seed) {}

  std::uint32_t below(std::uint32_t end) { return engine_() % end; }
  // Of few words, so that names meet.
  std::string name(std::uint32_t most_labels) {
    static constexpr std::array kWords = {"a", "b", "example", "org", "xn--bcher-kva", "1", "a-b", "_t"};
    std::string made = kWords[below(kWords.size())];
    for (std::uint32_t labels = below(most_labels); labels > 0; --labels)
      made += std::string(".") + kWords[below(kWords.size())];
    return made;
  }
  std::string path() {
    std::string made = "/";
    for (std::uint32_t length = below(6); length > 0; --length) made += "ab/?"[below(4)];
    return made;
  }
  std::string mixed_case(std::string text) {
    for (char& c : text) {
      if (c >= 'a' && c <= 'z' && below(2) == 0) c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
  }

 private:
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> engine_;
};

}  // namespace millrace::firewall::inspection
