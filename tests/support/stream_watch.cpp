// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/stream_watch.h"

#include <algorithm>
#include <stdexcept>

namespace millrace::testing {
namespace {

void require(bool holds, const std::string& what) {
  if (!holds) throw std::logic_error("does not hold: " + what);
}

}  // namespace

void StreamReceiver::receive(std::int64_t position, Bytes bytes) {
  for (const std::uint8_t byte : bytes) {
    if (position >= static_cast<std::int64_t>(delivered_.size())) {
      if (keeps_ == Keeps::kLast) {
        ahead_[position] = byte;
      } else {
        ahead_.try_emplace(position, byte);
      }
    }
    ++position;
  }
  while (!ahead_.empty() && ahead_.begin()->first == static_cast<std::int64_t>(delivered_.size())) {
    delivered_.push_back(ahead_.begin()->second);
    ahead_.erase(ahead_.begin());
  }
}

// How many runs of bytes lie behind holes when these have come as well.
unsigned StreamModel::runs_with(std::int64_t begin, std::int64_t end) const {
  const auto has = [&](std::int64_t at) { return (begin <= at && at < end) || first_copy_.contains(at); };
  const auto starts_run = [&](std::int64_t at) { return at != 0 && !has(at - 1); };
  unsigned runs = !first_copy_.contains(begin) && starts_run(begin) ? 1 : 0;
  for (const auto& [position, byte] : first_copy_) runs += starts_run(position) ? 1 : 0;
  return runs;
}

StreamVerdict StreamModel::offer(std::int64_t position, std::vector<std::uint8_t>& bytes,
                                 const StreamSettings& settings) const {
  const auto length = static_cast<std::int64_t>(bytes.size());
  const std::int64_t begin = std::max(position, acknowledged_);
  const std::int64_t end = std::min(position + length, window_);
  if (position >= window_) return StreamVerdict::kBeyond;
  if (begin >= end) return StreamVerdict::kOld;
  const std::int64_t in_order = in_order_end();
  if (begin > in_order && end - in_order > settings.most_ahead) return StreamVerdict::kTooFarAhead;
  if (begin > in_order && runs_with(begin, end) > Stream::kMostHeld) return StreamVerdict::kTooManyHoles;
  bool fresh = false;
  for (std::int64_t at = begin; at < end; ++at) {
    std::uint8_t& byte = bytes[static_cast<std::size_t>(at - position)];
    const auto first = first_copy_.find(at);
    fresh |= first == first_copy_.end();
    if (first == first_copy_.end() || first->second == byte) continue;
    if (settings.on_conflict == OnConflict::kDrop) return StreamVerdict::kConflict;
    byte = first->second;
  }
  if (!fresh) return StreamVerdict::kOld;
  return begin > in_order ? StreamVerdict::kHeld : StreamVerdict::kNew;
}

void StreamModel::keep(std::int64_t position, Bytes bytes) {
  for (const std::uint8_t byte : bytes) {
    if (position >= 0 && position < window_) first_copy_.try_emplace(position, byte);
    ++position;
  }
  for (auto next = first_copy_.find(in_order_end());
       next != first_copy_.end() && next->first == in_order_end(); ++next) {
    in_order_.push_back(next->second);
  }
}

void StreamModel::acknowledge(std::int64_t position) {
  acknowledged_ = std::max(acknowledged_, std::min(position, in_order_end()));
}

StreamWatch::StreamWatch(BufferPool& pool, std::uint32_t first_sequence, const StreamSettings& settings,
                         Keeps keeps)
    : pool_(pool),
      settings_(settings),
      first_(first_sequence),
      model_(settings.inspect_bytes),
      receiver_(keeps) {
  stream_.begin(first_sequence, settings);
}

StreamVerdict StreamWatch::offer(std::int64_t position, std::vector<std::uint8_t> bytes,
                                 const std::vector<std::size_t>& cuts, bool lost) {
  // Each piece has memory of its own, so that a sanitizer sees where it ends.
  std::vector<std::vector<std::uint8_t>> memory;
  std::size_t at = 0;
  for (const std::size_t cut : cuts) {
    const std::size_t until = std::min(bytes.size(), at + cut);
    memory.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                        bytes.begin() + static_cast<std::ptrdiff_t>(until));
    at = until;
  }
  memory.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
  const std::vector<MutableBytes> pieces(memory.begin(), memory.end());

  std::vector<std::uint8_t> passing = bytes;
  const StreamVerdict expected = model_.offer(position, passing, settings_);
  const std::uint64_t refusals = pool_.refusals();
  const auto offer = stream_.offer(pool_, sequence(position), pieces, settings_);

  std::vector<std::uint8_t> left;
  for (const auto& piece : memory) left.insert(left.end(), piece.begin(), piece.end());
  const bool refused = firewall::inspection::refused(offer.verdict);
  if (offer.verdict == StreamVerdict::kNoMemory) {
    const auto end = static_cast<std::uint32_t>(
        std::min<std::int64_t>(position + static_cast<std::int64_t>(bytes.size()), settings_.inspect_bytes));
    const auto before = static_cast<std::uint32_t>(model_.highest_end());
    require(expected == StreamVerdict::kNew || expected == StreamVerdict::kHeld, "memory is for new bytes");
    require(pool_.refusals() == refusals + 1, "the pool had no room");
    require(before == 0 || BufferPool::block_size(end) > BufferPool::block_size(before),
            "its block was full");
  } else {
    require(offer.verdict == expected, std::string(name(offer.verdict)) + " and not " +
                                           std::string(name(expected)) + " at " + std::to_string(position));
    require(pool_.refusals() == refusals, "no refusal of the pool is kept quiet");
  }
  require(left == (refused ? bytes : passing), "the segment's bytes are those that may pass");
  require(offer.rewritten == (left != bytes), "it says whether it rewrote");
  if (!refused) {
    model_.keep(position, left);
    if (!lost) receiver_.receive(position, left);
  }
  check();
  return offer.verdict;
}

void StreamWatch::acknowledge() {
  stream_.acknowledged(sequence(delivered()));
  model_.acknowledge(delivered());
  check();
}

void StreamWatch::acknowledge_falsely(std::uint32_t ahead) {
  if (delivered() != in_order_end()) return;
  const std::int64_t position = in_order_end() + ahead;
  stream_.acknowledged(sequence(position));
  model_.acknowledge(position);
  check();
}

void StreamWatch::check() const {
  const Bytes bytes = stream_.bytes(pool_);
  require(std::ranges::equal(bytes, model_.in_order()), "the in-order bytes are the first copies");
  require(stream_.in_order_end() == bytes.size(), "the in-order end is where the bytes end");
  require(stream_.done() == model_.done(), "done when all of the window was acknowledged");
  const auto& delivered = receiver_.delivered();
  const std::size_t both = std::min<std::size_t>(delivered.size(), settings_.inspect_bytes);
  require(
      both <= bytes.size() &&
          std::equal(delivered.begin(), delivered.begin() + static_cast<std::ptrdiff_t>(both), bytes.begin()),
      "the application reads what was judged");
}

}  // namespace millrace::testing
