// SPDX-License-Identifier: BSD-3-Clause
// One worker's inspection of sessions: puts a direction's bytes in order, has them read as what they speak,
// and asks the signatures. Knows nothing of packets' buffers. Data path.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/base/counter.h"
#include "common/base/page_array.h"
#include "vnfs/firewall/inspection/check_threat_lists.h"
#include "vnfs/firewall/inspection/conversation.h"
#include "vnfs/firewall/inspection/inspection.h"
#include "vnfs/firewall/inspection/inspection_event.h"
#include "vnfs/firewall/inspection/notable.h"
#include "vnfs/firewall/inspection/packet_copy.h"
#include "vnfs/firewall/inspection/pool_store.h"
#include "vnfs/firewall/inspection/room.h"
#include "vnfs/firewall/session_table.h"

namespace millrace::firewall::inspection {

struct InspectorSize {
  std::uint32_t conversations = 0;  // 0: nothing is ever looked into
  std::size_t stream_bytes = 0;
  std::uint32_t events = 0;  // that wait to be read
};

// A packet, as it is judged.
struct Evidence {
  const Session& session;
  Subject& subject;  // all but its parts
  std::span<const MutableBytes> payload;
  std::uint32_t sequence = 0;  // TCP only: of the first byte of payload
  std::uint32_t acknowledgment = 0;
  std::uint64_t tsc = 0;
  ListsInForce lists{};
};

// What is to become of it.
struct Judgement {
  enum class What : std::uint8_t { kPass, kDrop, kReject, kConflict, kHoles, kOverloaded };
  What what = What::kPass;
  bool listed = false;     // a threat list says so, and no signature did before
  bool rewritten = false;  // bytes of the payload are others now
  bool finished = false;   // nothing of the session is of interest any more
  bool blocks = false;     // nor is anything of it to pass
};

class Inspector final : public SessionObserver {
 public:
  // Throws std::runtime_error when OpenSSL lacks what QUIC takes.
  Inspector(const InspectorSize& size, std::uint16_t worker, const SipKey& seed)
      : pool_(size.stream_bytes),
        conversations_(size.conversations),
        free_(size.conversations),
        free_count_(size.conversations),
        room_(size.conversations == 0 ? 0 : kRoomBytes),
        thresholds_(size.conversations == 0 ? kLeastThresholds : kThresholds, seed),
        inflate_(size.conversations == 0 ? 0 : kInflateStates),
        quic_(size.conversations == 0 ? nullptr : std::make_unique<readers::QuicCrypto>()),
        events_(size.events),
        copies_(size.conversations == 0 ? 0 : kCopies),
        worker_(worker) {
    for (std::uint32_t i = 0; i < free_count_; ++i) free_[i] = free_count_ - 1 - i;
  }

  // One more than its number; 0 when all are in use.
  [[nodiscard]] std::uint32_t open(std::uint16_t inspection) noexcept;
  void close(std::uint32_t conversation) noexcept;
  // Whether the next new session is one of those that are looked into though the worker is behind.
  [[nodiscard]] bool samples(const Inspection& by) noexcept {
    return by.sampled != 0 && sampled_++ % by.sampled == 0;
  }
  void session_ended(SessionIndex /*index*/, const Session& session, SessionEnd /*why*/,
                     Tick /*now*/) noexcept override {
    if (session.inspection != 0 && session.inspection != Session::kBlocked) close(session.inspection);
  }
  [[nodiscard]] Conversation& operator[](std::uint32_t conversation) noexcept {
    return conversations_[conversation - 1];
  }

  // A TCP segment of a direction that nobody looks at any more, or one without payload that says nothing but
  // how far the other direction has come: true when that is all there is to it.
  [[nodiscard]] bool goes_by(Conversation& talk, const Inspection& by, Side side, std::uint8_t tcp_flags,
                             bool has_payload, std::uint32_t acknowledgment) noexcept;
  [[nodiscard]] Judgement judge(Conversation& talk, const Inspection& by, const Evidence& evidence) noexcept;
  // Something of a session that no signature says.
  void note(const Session& session, const Inspection& by, Notable notable, Side side, Outcome outcome,
            Tick now, std::uint64_t tsc) noexcept;

  [[nodiscard]] InspectionEvents& events() noexcept { return events_; }
  [[nodiscard]] PacketCopies& copies() noexcept { return copies_; }
  [[nodiscard]] const BufferPool& pool() const noexcept { return pool_; }
  [[nodiscard]] std::uint64_t conversations_in_use() const noexcept { return in_use_.read(); }
  [[nodiscard]] std::uint64_t matches() const noexcept { return matches_.read(); }
  [[nodiscard]] std::uint64_t unseen() const noexcept { return unseen_.read(); }

 private:
  static constexpr std::size_t kRoomBytes = std::size_t{4} << 20;
  static constexpr std::uint16_t kInflateStates = 64;
  static constexpr std::uint32_t kThresholds = 65'536;
  static constexpr std::uint32_t kLeastThresholds = 8;
  static constexpr std::uint32_t kCopies = 512;

  struct Case;

  void judge_stream(Case& now) noexcept;
  void judge_datagram(Case& now) noexcept;
  void judge_segment(Case& now) noexcept;
  // The stricter of what was so far and what the signatures say.
  void ask(Case& now) noexcept;
  // What the threat lists say of the parts that are fresh.
  void ask_lists(Case& now) noexcept;
  void ask_stream(Case& now) noexcept;
  void ask_datagram(Case& now) noexcept;
  void ask_rest(Case& now) noexcept;
  [[nodiscard]] bool ask_message(Case& now, const Parts& found) noexcept;
  [[nodiscard]] bool ask_about(Case& now, Parts& parts, Buffers fresh, Buffers coming) noexcept;
  void read_stream(Case& now) noexcept;
  void read_datagram(Case& now) noexcept;
  void read_http(Case& now, HttpDialogue& http) noexcept;
  void read_tls(Case& now, TlsDialogue& tls) noexcept;
  void read_dns(Case& now, DnsDialogue& dns) noexcept;
  void read_ssh(Case& now, SshDialogue& ssh) noexcept;
  void read_smtp(Case& now, SmtpDialogue& smtp) noexcept;
  void read_quic(Case& now, QuicDialogue& quic) noexcept;
  [[nodiscard]] bool take_dns(Case& now, const readers::DnsEvent& event) noexcept;
  [[nodiscard]] bool take_smtp(Case& now, const readers::SmtpEvent& event) noexcept;
  void settle_speech(Case& now) noexcept;
  void settle_datagrams(Case& now) noexcept;
  void begin_speech(Conversation& talk, Speech speech) noexcept;
  void end_speech(Conversation& talk, std::size_t side) noexcept;
  [[nodiscard]] bool begin_stream(Case& now) noexcept;
  void end_stream(Conversation& talk, std::size_t side) noexcept;
  void note_anomalies(Case& now, Speech of, std::uint64_t anomalies) noexcept;
  void note_anomaly(Case& now, Speech of, std::uint8_t anomaly) noexcept;
  void tell(Case& now, const Hit& hit, Outcome outcome) noexcept;
  // What a person wants to know beside it: what was asked for.
  void describe_message(const Case& now, InspectionEvent& event) noexcept;
  [[nodiscard]] Judgement overloaded(Case& now, Notable why) noexcept;
  [[nodiscard]] Bytes in_one_piece(std::span<const MutableBytes> pieces) noexcept;
  [[nodiscard]] InspectionEvent event_of(const Session& session, const Inspection& by, Side side, Tick now,
                                         std::uint64_t tsc) const noexcept;

  BufferPool pool_;
  PageArray<Conversation> conversations_;
  PageArray<std::uint32_t> free_;  // a stack
  std::uint32_t free_count_;
  Room room_;
  Parts parts_;  // of the message in hand
  Thresholds thresholds_;
  InflatePool inflate_;
  std::unique_ptr<readers::QuicCrypto> quic_;
  InspectionEvents events_;
  PacketCopies copies_;
  Counter in_use_;
  Counter matches_;
  Counter unseen_;  // sessions that went on unseen, at least in part
  std::uint32_t sampled_ = 0;
  std::uint16_t worker_;
};

}  // namespace millrace::firewall::inspection
