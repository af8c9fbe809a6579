// SPDX-License-Identifier: BSD-3-Clause
// A small fragment table and offers, verdicts and pauses from bytes. What must hold: every held packet comes
// out once, by one way; the table stays within its bounds; a later fragment passes only behind an accepted
// first, and with its note.
#include <map>
#include <optional>
#include <set>

#include "common/flow/fragment_table.h"
#include "tests/fuzz/input.h"

namespace {

using namespace millrace;
using flow::Fragment;
using flow::FragmentDecision;
using flow::FragmentKey;
using flow::FragmentNote;
using flow::FragmentVerdict;
using fuzz::require;

constexpr flow::FragmentSettings kSettings{.datagrams = 8, .held = 6, .held_per_datagram = 3};

class Play {
 public:
  explicit Play(std::uint64_t seed) : table_(kSettings, seed) {}

  void step(fuzz::Input& input) {
    const std::uint8_t kind = input.u8();
    if (kind < 0xc0) {
      offer(kind, input);
    } else if (kind < 0xe0) {
      judge((kind & 1U) != 0);
    } else if (kind < 0xf8) {
      now_ += input.u16();
      table_.expire(now_, kind & 7U);
    } else if (kind < 0xfc) {
      drain();
    } else {
      table_.clear();
    }
    check();
  }

  void finish() {
    table_.clear();
    drain();
    require(inside_.empty(), "an emptied table holds no packet");
    require(table_.datagrams() == 0 && table_.held() == 0, "an emptied table is empty");
  }

 private:
  struct Pending {
    flow::DatagramId id;
    std::uint8_t number;
  };

  // A few datagrams of each family; the low bits of `kind` choose one.
  static FragmentKey key_of(std::uint8_t number) {
    if ((number & 1U) == 0) return FragmentKey::ipv4({be32(0x0a000001)}, {be32(0x0a000002)}, number, 17, {});
    net::Ipv6Address source{};
    source.bytes[0] = 0x20;
    return FragmentKey::ipv6(source, {}, number, flow::Segment::domain(number & 2U));
  }

  void offer(std::uint8_t kind, fuzz::Input& input) {
    const auto number = static_cast<std::uint8_t>(kind & 0x0fU);
    Fragment fragment;
    fragment.key = key_of(number);
    const std::uint16_t offset = input.u16();
    const std::uint16_t length = input.u16();
    fragment.more = (length & 0x8000U) != 0;
    fragment.length = (kind & 0x10U) != 0 ? length & 0x7fffU : (length & 0x0fU) * 8U;
    fragment.offset = (kind & 0x20U) != 0 ? offset : (offset & 0x1fU) * 8U;
    fragment.protocol = (kind & 0x40U) != 0 ? input.u8() : std::uint8_t{17};
    fragment.header_length = (kind & 0x80U) != 0 ? input.u8() : std::uint16_t{0};

    void* packet = reinterpret_cast<void*>(++last_packet_);
    const FragmentDecision decision = table_.offer(fragment, packet, now_);
    if (decision.evicted != nullptr) {
      require(decision.verdict == FragmentVerdict::kHeld, "only a packet that is held makes room");
      leaves(decision.evicted);
    }
    if (decision.verdict == FragmentVerdict::kHeld) {
      require(inside_.insert(packet).second, "a packet is held once");
      require(fragment.offset != 0, "a first fragment is judged, not held, before its verdict");
    }
    const bool impossible =
        fragment.length == 0 || fragment.offset % 8 != 0 || (fragment.more && fragment.length % 8 != 0) ||
        fragment.offset + fragment.length > 65535 || (fragment.offset == 0 && !fragment.more);
    if (impossible)
      require(decision.verdict == FragmentVerdict::kInvalid, "impossible fragments are refused");
    if (decision.verdict != FragmentVerdict::kPass) return;
    require(decision.first == (fragment.offset == 0), "the first begins at 0");
    if (decision.first) {
      pending_ = Pending{decision.datagram, number};
      return;
    }
    const auto accepted = notes_.find(number);
    require(accepted != notes_.end(), "later fragments pass behind an accepted first");
    require(decision.note == accepted->second, "later fragments are given the first's note");
  }

  void judge(bool accept) {
    if (!pending_) return;
    const auto out = [this](void* packet) { leaves(packet); };
    if (accept) {
      const FragmentNote note{++last_note_, pending_->number};
      if (table_.accept(pending_->id, note, out)) notes_[pending_->number] = note;
    } else {
      table_.refuse(pending_->id, out);
    }
    require(!table_.accept(pending_->id, {}, out), "a verdict is given once");
    pending_.reset();
  }

  void drain() {
    table_.drain([this](void* packet, FragmentVerdict why) {
      require(why != FragmentVerdict::kPass && why != FragmentVerdict::kHeld,
              "what is given up has a reason");
      leaves(packet);
    });
  }

  void leaves(void* packet) { require(inside_.erase(packet) == 1, "a held packet comes out once"); }

  void check() const {
    require(table_.held() == inside_.size(), "the table counts what it holds");
    require(table_.held() <= kSettings.held, "no more are held than agreed");
    require(table_.datagrams() <= kSettings.datagrams, "no more datagrams than agreed");
  }

  flow::FragmentTable table_;
  Tick now_ = 0;
  std::uintptr_t last_packet_ = 0;
  std::uint64_t last_note_ = 0;
  std::set<void*> inside_;
  std::optional<Pending> pending_;
  std::map<std::uint8_t, FragmentNote> notes_;  // the last accepted of each datagram
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Play play(input.u8());
  while (!input.empty()) play.step(input);
  play.finish();
  return 0;
}
