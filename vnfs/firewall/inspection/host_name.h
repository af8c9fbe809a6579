// SPDX-License-Identifier: BSD-3-Clause
// Names of hosts as lists compare them: ASCII letters in lower case, without the dot that may end a name.
// IDNA A-labels are taken as they are. Data path; any bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/reader.h"
#include "common/base/siphash.h"

namespace millrace::firewall::inspection {

// As text: RFC 1035 section 2.3.4 allows 255 bytes on the wire, with the length of each label and of the
// root.
inline constexpr std::size_t kLongestHostName = 253;
inline constexpr std::size_t kMostHostLabels = 127;
inline constexpr std::size_t kLongestLabel = 63;

// Parts of what was given.
struct SplitHost {
  Bytes name;  // an IPv6 address in its brackets; without the dot behind a name
  Bytes port;  // digits, or empty
};
// Of a Host field, an authority of a URL, or a name alone.
[[nodiscard]] SplitHost split_host(Bytes host) noexcept;

// The ends of a host's name that begin with a label: "org", "example.org", "www.example.org". Each has the
// hash of its labels, made from the one before: a pass over the name serves them all. A name that is too long
// has its last bytes looked at.
class HostSuffixes {
 public:
  // No more than `most` labels.
  HostSuffixes(Bytes host, const SipKey& seed, std::size_t most = kMostHostLabels) noexcept;

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  // Suffix `i` has i + 1 labels.
  [[nodiscard]] std::uint64_t hash(std::size_t i) const noexcept { return hashes_[i]; }
  [[nodiscard]] Bytes text(std::size_t i) const noexcept {
    return Bytes(name_.data(), length_).subspan(begins_[i]);
  }
  // Whether that is the name itself, nothing before it.
  [[nodiscard]] bool is_whole(std::size_t i) const noexcept { return !cut_ && begins_[i] == 0; }

 private:
  std::array<std::uint8_t, kLongestHostName> name_;  // only what is counted is ever set
  std::array<std::uint64_t, kMostHostLabels> hashes_;
  std::array<std::uint8_t, kMostHostLabels> begins_;
  std::size_t length_ = 0;
  std::size_t count_ = 0;
  bool cut_ = false;
};

// A host with its port as URLs are compared: a port of 80 or 443 is as none, an IPv6 address is its bits.
class UrlHost {
 public:
  explicit UrlHost(Bytes host) noexcept;

  // Not a text for people. Empty when there is no host, or one that is too long.
  [[nodiscard]] Bytes text() const noexcept { return {text_.data(), length_}; }

 private:
  void append(Bytes bytes) noexcept;

  std::array<std::uint8_t, kLongestHostName + 6> text_;
  std::size_t length_ = 0;
};

}  // namespace millrace::firewall::inspection
