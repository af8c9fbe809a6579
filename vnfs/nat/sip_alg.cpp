// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/sip_alg.h"

#include <array>

#include "vnfs/nat/sip_ends.h"
#include "vnfs/nat/sip_message.h"

namespace millrace::nat {
namespace {

using Place = SequenceShift::Place;
using Step = SipState::Stream::Step;
using sip::Carrier;
using sip::Part;

// A message of this length comes in one segment, if it is sent again (RFC 3261 section 18.1.1 keeps those in
// datagrams as short).
constexpr std::size_t kOneSegment = 1300;
// As long as a message of one packet may become; longer ones pass as they are.
constexpr std::size_t kRoom = 9216;

std::string_view text_of(const PayloadEditor& editor) noexcept {
  const Bytes bytes = editor.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// `end` becomes that of what was written.
AlgVerdict rewrite(const AlgContext& context, PayloadEditor& editor, const sip::Message& message, Part part,
                   std::size_t& end) noexcept {
  std::array<char, kRoom> out;
  SipEnds ends(context);
  const bool changed_before = editor.place_of(message.begin) == Place::kChanged;
  const auto way = context.direction == Direction::kForward ? sip::Way::kOutward : sip::Way::kInward;
  const sip::Rewritten written = sip::rewrite_message(text_of(editor), message, part, way, out, ends);
  end = message.begin;
  if (ends.refused() || !written.room) context.counts().refused.add(1);
  if (written.replaced.length == 0) return changed_before ? AlgVerdict::kChanged : AlgVerdict::kPass;
  const Bytes text(reinterpret_cast<const std::uint8_t*>(out.data()), written.length);
  if (const auto refused = replace_text(context, editor, message.begin, written.replaced.length, text))
    return *refused;
  end = message.begin + written.length;
  return AlgVerdict::kPass;
}

AlgVerdict read_datagram(const AlgContext& context, PayloadEditor& editor) noexcept {
  const sip::Message message = sip::read_message(text_of(editor), 0, Carrier::kDatagram);
  std::size_t end = 0;
  if (message.state == sip::State::kWhole) return rewrite(context, editor, message, Part::kAll, end);
  if (message.state == sip::State::kMalformed) context.counts().refused.add(1);
  return AlgVerdict::kPass;
}

class StreamReader {
 public:
  StreamReader(const AlgContext& context, PayloadEditor& editor) noexcept
      : context_(context),
        editor_(editor),
        stream_(context.record.sip.streams[static_cast<std::size_t>(context.direction)]) {}

  AlgVerdict read() noexcept {
    const AlgVerdict again = repeat();
    if (again != AlgVerdict::kPass || at_ == size() || !find_message()) return again;
    return read_new();
  }

 private:
  [[nodiscard]] std::size_t size() const noexcept { return editor_.bytes().size(); }

  // What passed before is changed again where it was changed.
  AlgVerdict repeat() noexcept {
    while (at_ != size()) {
      switch (editor_.place_of(at_)) {
        case Place::kNew:
          return AlgVerdict::kPass;
        case Place::kPassed:
          ++at_;
          break;
        case Place::kForgotten:
          return AlgVerdict::kChanged;
        case Place::kChanged: {
          const AlgVerdict verdict = repeat_message();
          if (verdict != AlgVerdict::kPass) return verdict;
          break;
        }
      }
    }
    return AlgVerdict::kPass;
  }

  AlgVerdict repeat_message() noexcept {
    const sip::Message message = sip::read_message(text_of(editor_), at_, Carrier::kStream);
    const bool head = stream_.heads.has(editor_.position_of(at_));
    const bool readable = message.state == sip::State::kWhole || (head && message.missing != 0);
    if (message.begin != at_ || !readable) return AlgVerdict::kChanged;
    return rewrite(context_, editor_, message, head ? Part::kHead : Part::kAll, at_);
  }

  // Goes to where the next message begins; false when that is not in this segment, or not known.
  bool find_message() noexcept {
    const std::uint32_t here = editor_.position_of(at_);
    switch (stream_.step) {
      case Step::kNotSip:
        return false;
      case Step::kFirst:
        return true;
      case Step::kLost:
        return at_ == 0;
      case Step::kInStep:
        break;
    }
    if (sequence_after(here, stream_.next)) {  // some was not shown to us
      stream_.step = Step::kLost;
      return at_ == 0;
    }
    const std::uint32_t ahead = stream_.next - here;
    if (ahead >= size() - at_) return false;
    at_ += ahead;
    return true;
  }

  void go_on_at(std::size_t offset) noexcept {
    at_ = offset;
    stream_.step = Step::kInStep;
    stream_.next = editor_.position_of(offset);
  }

  AlgVerdict read_new() noexcept {
    const bool first_in_segment = at_ == 0;
    while (at_ != size()) {
      const std::size_t from = at_;
      const sip::Message message = sip::read_message(text_of(editor_), from, Carrier::kStream);
      switch (message.state) {
        case sip::State::kNone:
          go_on_at(size());
          break;
        case sip::State::kWhole: {
          const std::size_t before = size();
          std::size_t end = 0;
          const AlgVerdict verdict = rewrite(context_, editor_, message, Part::kAll, end);
          if (verdict != AlgVerdict::kPass) return verdict;
          go_on_at(message.end + size() - before);
          break;
        }
        case sip::State::kMalformed:
          context_.counts().refused.add(1);
          if (message.end == message.begin) {
            stream_.step = stream_.step == Step::kFirst ? Step::kNotSip : Step::kLost;
            return AlgVerdict::kPass;
          }
          go_on_at(message.end);
          break;
        case sip::State::kIncomplete:
          return read_part(message, first_in_segment && from == 0);
      }
    }
    return AlgVerdict::kPass;
  }

  AlgVerdict read_part(const sip::Message& message, bool first_in_segment) noexcept {
    const bool has_head = message.missing != 0;
    const std::size_t length = size() - message.begin + message.missing;
    const std::uint32_t position = editor_.position_of(message.begin);
    const bool wanted = !has_head || message.head.has_description;
    const bool asked = stream_.asked && stream_.asked_at == position;
    if (wanted && first_in_segment && length <= kOneSegment && !asked) {
      stream_.asked = true;
      stream_.asked_at = position;
      return AlgVerdict::kPartial;
    }
    if (!has_head) {
      stream_.step = Step::kLost;
      return AlgVerdict::kPass;
    }
    std::size_t end = 0;
    const AlgVerdict verdict = rewrite(context_, editor_, message, Part::kHead, end);
    if (verdict != AlgVerdict::kPass) return verdict;
    stream_.heads.add(position);
    go_on_at(size());
    stream_.next += static_cast<std::uint32_t>(message.missing);
    return AlgVerdict::kPass;
  }

  const AlgContext& context_;
  PayloadEditor& editor_;
  SipState::Stream& stream_;
  std::size_t at_ = 0;
};

}  // namespace

AlgVerdict read_sip(const AlgContext& context, PayloadEditor& editor) noexcept {
  if (context.about().protocol() == net::protocol::kUdp) return read_datagram(context, editor);
  return StreamReader(context, editor).read();
}

}  // namespace millrace::nat
