// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/url_list.h"

#include <compare>
#include <cstring>

namespace millrace::firewall::inspection {
namespace {

// What is the case for two texts of which neither is longer than the other's part that counts.
int compare_bytes(Bytes a, Bytes b) noexcept {
  return a.empty() ? 0 : std::memcmp(a.data(), b.data(), a.size());
}

bool begins_with(Bytes text, Bytes begin) noexcept {
  return text.size() >= begin.size() && compare_bytes(begin, text.first(begin.size())) == 0;
}

// Whether `text` sorts before or as `head` and `tail` together.
bool not_after(Bytes text, Bytes head, Bytes tail) noexcept {
  const std::size_t first = std::min(text.size(), head.size());
  const int of_heads = compare_bytes(text.first(first), head.first(first));
  if (of_heads != 0 || text.size() <= head.size()) return of_heads <= 0;
  text = text.subspan(first);
  const std::size_t second = std::min(text.size(), tail.size());
  const int of_tails = compare_bytes(text.first(second), tail.first(second));
  return of_tails != 0 ? of_tails < 0 : text.size() <= tail.size();
}

std::uint64_t url_hash(std::uint64_t host_hash, Bytes path, const SipKey& seed) noexcept {
  return siphash(path, {seed[0] ^ host_hash, seed[1]});
}

}  // namespace

UrlQuery::UrlQuery(const UrlHost& url_host, Bytes path_and_query, const SipKey& seed,
                   std::size_t longest) noexcept
    : host(url_host.text()),
      path(path_and_query),
      host_hash(siphash(host, seed)),
      may_be_whole(path.size() <= longest) {
  if (may_be_whole) hash = url_hash(host_hash, path, seed);
}

UrlList::UrlList(const Room& room, const SipKey& seed) : texts_(room.entries, room.bytes), seed_(seed) {
  prefix_texts_.reserve(room.prefix_bytes);
  prefixes_.reserve(room.prefixes);
}

void UrlList::add(const Entry& entry) {
  const std::uint64_t host_hash = siphash(entry.host, seed_);
  if (!entry.is_prefix) {
    const std::size_t before = texts_.size();
    texts_.add(url_hash(host_hash, entry.path, seed_), entry.host, entry.path, kWhole);
    wholes_ += texts_.size() - before;
    longest_path_ = std::max(longest_path_, entry.path.size());
    return;
  }
  texts_.add(host_hash, entry.host, {}, kHasPrefixes);
  prefixes_.push_back(
      {static_cast<std::uint32_t>(prefix_texts_.size()), static_cast<std::uint32_t>(entry.size())});
  prefix_texts_.insert(prefix_texts_.end(), entry.host.begin(), entry.host.end());
  prefix_texts_.insert(prefix_texts_.end(), entry.path.begin(), entry.path.end());
}

void UrlList::seal() {
  std::ranges::sort(
      prefixes_, [this](Piece a, Piece b) { return std::ranges::lexicographical_compare(text(a), text(b)); });
  // A text stands just before all that begin with it.
  std::size_t kept = 0;
  for (const Piece piece : prefixes_) {
    if (kept == 0 || !begins_with(text(piece), text(prefixes_[kept - 1]))) prefixes_[kept++] = piece;
  }
  prefixes_.resize(kept);
}

// With a text that begins the URL, all between the two begin with it also, and there are no such.
bool UrlList::begins_like_one(Bytes host, Bytes path) const noexcept {
  const auto after = std::ranges::partition_point(
      prefixes_, [&](Piece piece) noexcept { return not_after(text(piece), host, path); });
  if (after == prefixes_.begin()) return false;
  const Bytes nearest = text(*std::prev(after));
  return nearest.size() >= host.size() && begins_with(nearest, host) &&
         begins_with(path, nearest.subspan(host.size()));
}

bool UrlList::matches(const UrlQuery& url) const noexcept {
  if (url.may_be_whole) texts_.prefetch(url.hash);
  if (!prefixes_.empty() && (texts_.find(url.host_hash, url.host) & kHasPrefixes) != 0 &&
      begins_like_one(url.host, url.path))
    return true;
  return url.may_be_whole && (texts_.find(url.hash, url.host, url.path) & kWhole) != 0;
}

}  // namespace millrace::firewall::inspection
