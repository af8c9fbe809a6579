// SPDX-License-Identifier: BSD-3-Clause
// URLs that are listed, whole or by how they begin. Built off the data path, then only read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vnfs/firewall/inspection/host_name.h"
#include "vnfs/firewall/inspection/text_table.h"

namespace millrace::firewall::inspection {

// A URL to be looked for, as all lists with the same seed hash it.
struct UrlQuery {
  // `longest`: a path with more bytes than that is in no list as a whole.
  UrlQuery(const UrlHost& url_host, Bytes path_and_query, const SipKey& seed, std::size_t longest) noexcept;

  Bytes host;
  Bytes path;  // with the query
  std::uint64_t host_hash;
  std::uint64_t hash = 0;
  bool may_be_whole;
};

class UrlList {
 public:
  struct Entry {
    Bytes host;  // as UrlHost has it
    Bytes path;  // with the query; begins with "/"
    bool is_prefix = false;

    [[nodiscard]] std::size_t size() const noexcept { return host.size() + path.size(); }
  };
  // What entries take.
  struct Room {
    std::size_t entries = 0;
    std::size_t bytes = 0;
    std::size_t prefixes = 0;
    std::size_t prefix_bytes = 0;

    void add(const Entry& entry) noexcept {
      ++entries;
      bytes += entry.is_prefix ? entry.host.size() : entry.size();
      prefixes += entry.is_prefix ? 1 : 0;
      prefix_bytes += entry.is_prefix ? entry.size() : 0;
    }
  };

  UrlList() = default;
  // Throws std::bad_alloc, as do add() and seal().
  UrlList(const Room& room, const SipKey& seed);

  // There must be room, and the entry have at most TextTable::kLongestText bytes.
  void add(const Entry& entry);
  // After the last entry.
  void seal();

  // Data path.
  [[nodiscard]] bool matches(const UrlQuery& url) const noexcept;

  // Bytes of the longest path of an entry that is no prefix.
  [[nodiscard]] std::size_t longest_path() const noexcept { return longest_path_; }
  // Entries; prefixes that lie within others count once.
  [[nodiscard]] std::size_t size() const noexcept { return wholes_ + prefixes_.size(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return texts_.memory_bytes() + prefix_texts_.capacity() + prefixes_.capacity() * sizeof(Piece);
  }

 private:
  static constexpr std::uint8_t kWhole = 1;        // the text is a URL
  static constexpr std::uint8_t kHasPrefixes = 2;  // the text is the host of some

  struct Piece {
    std::uint32_t at;
    std::uint32_t length;
  };

  [[nodiscard]] Bytes text(Piece piece) const noexcept {
    return Bytes(prefix_texts_).subspan(piece.at, piece.length);
  }
  [[nodiscard]] bool begins_like_one(Bytes host, Bytes path) const noexcept;

  TextTable texts_;
  SipKey seed_{};
  std::vector<std::uint8_t> prefix_texts_;  // hosts with paths, one behind the other
  std::vector<Piece> prefixes_;             // once sealed: in order, and none begins like another
  std::size_t wholes_ = 0;
  std::size_t longest_path_ = 0;
};

}  // namespace millrace::firewall::inspection
