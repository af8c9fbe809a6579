// SPDX-License-Identifier: BSD-3-Clause
// Reads SMTP (RFC 5321) as its bytes come: a client's commands and its mail, a server's replies. The mail is
// looked at as it was sent: neither MIME (RFC 2045) nor doubled dots are taken off.
//
// Data path, of one worker. However the bytes of a direction are cut into segments, the same is found. Each
// byte is looked at a fixed number of times.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/body_store.h"
#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/readers/event_sink.h"
#include "vnfs/firewall/inspection/readers/read_anomaly.h"
#include "vnfs/firewall/inspection/readers/smtp_exchange.h"

namespace millrace::firewall::inspection::readers {

// Of lines that are longer no more is read. RFC 4954 section 4 allows so much with AUTH.
inline constexpr std::size_t kLongestSmtpLine = 12288;

struct SmtpWork {
  SmtpExchange& exchange;  // the connection's
  BodyStore& joined;       // the direction's own: mail that comes in several chunks (RFC 3030)
  std::size_t most_joined = std::size_t{1} << 20U;
};

struct SmtpEvent {
  enum class What : std::uint8_t {
    kHelo,
    kMailFrom,
    kRcptTo,  // of each recipient
    kMail,    // kFileData is there for the first time, has grown, or has ended
    kReply,
    kAnomaly,  // there are anomalies, and nothing else
  };
  What what = What::kAnomaly;
  bool begins = false;     // the mail: nothing of it was told before
  bool ends = false;       // the mail, or a reply of several lines
  std::uint16_t code = 0;  // of a reply
  Bytes text{};            // of a reply's line
  ReadAnomalySet anomalies{};
  const Parts& parts;  // of this mail so far: who says hello, who sends it, the last recipient
};

// Of one direction. All zeros: at the stream's beginning.
class SmtpReader {
 public:
  // `stream` is all of the direction's bytes that there are, from its first on; `ended`: and there will be no
  // more. kOver once TLS begins, at tls_begin(), or at the stream's end.
  ReadProgress advance(Bytes stream, bool ended, Side side, const SmtpWork& work,
                       EventSink<SmtpEvent> sink) noexcept;

  // Where TLS begins in the stream, once both sides have agreed to it (RFC 3207) and it is kOver.
  [[nodiscard]] std::uint32_t tls_begin() const noexcept { return line_; }

 private:
  friend class SmtpRun;
  enum class Phase : std::uint8_t { kLines, kMail, kChunk, kOver };
  enum Text : std::uint8_t { kHelo, kFrom, kRecipient, kTexts };

  std::uint32_t at_ = 0;    // all before it has been looked at
  std::uint32_t line_ = 0;  // where a line, a mail or a chunk begins
  std::uint32_t chunk_end_ = 0;
  std::array<std::uint32_t, kTexts> begin_{};
  std::array<std::uint16_t, kTexts> length_{};  // 0: none
  Phase phase_ : 2 = Phase::kLines;
  bool last_chunk_ : 1 = false;
  bool joined_ : 1 = false;      // the mail is in the store
  bool not_kept_ : 1 = false;    // and is not all there
  bool read_early_ : 1 = false;  // the mail was not asked for when it began
  bool mail_told_ : 1 = false;   // some of it
  std::uint8_t rereads_ = 0;
};
static_assert(std::is_trivially_copyable_v<SmtpReader> && sizeof(SmtpReader) <= 32);

}  // namespace millrace::firewall::inspection::readers
