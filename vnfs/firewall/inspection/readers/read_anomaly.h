// SPDX-License-Identifier: BSD-3-Clause
// What messages of TLS, QUIC, DNS, SSH and SMTP have in them that a careful sender does not send. The reader
// names it and goes on as the sentence tells; what becomes of the session is the firewall's to decide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::firewall::inspection::readers {

enum class ReadAnomaly : std::uint8_t {
  // Of all of them.
  kCutOff,
  kNoRoom,

  // TLS records and messages.
  kTlsNotTls,
  kTlsSslV2,
  kTlsRecordTooLong,
  kTlsEmptyRecord,
  kTlsInterleaved,
  kTlsBeforeHello,
  kTlsMessageTooLong,
  kTlsBadHello,
  kTlsRepeatedExtension,
  kTlsBadServerName,
  kTlsBadCertificate,
  kTlsNameTooLong,

  // QUIC.
  kQuicBadPacket,
  kQuicBadFrame,
  kQuicConflict,
  kQuicTooManyPieces,
  kQuicTooLong,
  kQuicNoHello,

  // DNS.
  kDnsShort,
  kDnsBadName,
  kDnsPointer,
  kDnsLongName,
  kDnsManyQuestions,
  kDnsManyAddresses,
  kDnsTrailing,
  kDnsReserved,

  // SSH.
  kSshNoIdentification,
  kSshLongLine,
  kSshBadVersion,

  // Lines.
  kBareLf,
  kBareCr,
  kNul,

  // SMTP.
  kSmtpLongLine,
  kSmtpUnknownCommand,
  kSmtpBadPath,
  kSmtpBadReply,
  kSmtpEarlyData,
  kSmtpEarlyTls,
  kSmtpLooseEnd,
  kSmtpBadChunk,
  kSmtpMailNotKept,
};
inline constexpr std::size_t kReadAnomalies = static_cast<std::size_t>(ReadAnomaly::kSmtpMailNotKept) + 1;

struct ReadAnomalyFacts {
  std::string_view name;      // "tls_empty_record"
  std::string_view sentence;  // what there is, and how the reader goes on
};
[[nodiscard]] const ReadAnomalyFacts& facts_of(ReadAnomaly anomaly) noexcept;

// A set of them.
class ReadAnomalySet {
 public:
  constexpr void add(ReadAnomaly anomaly) noexcept { bits_ |= bit_of(anomaly); }
  constexpr void add_if(bool holds, ReadAnomaly anomaly) noexcept { bits_ |= holds ? bit_of(anomaly) : 0; }
  constexpr void add(ReadAnomalySet others) noexcept { bits_ |= others.bits_; }
  [[nodiscard]] constexpr bool has(ReadAnomaly anomaly) const noexcept {
    return (bits_ & bit_of(anomaly)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
  bool operator==(const ReadAnomalySet&) const noexcept = default;

 private:
  static constexpr std::uint64_t bit_of(ReadAnomaly anomaly) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(anomaly);
  }
  std::uint64_t bits_ = 0;
};
static_assert(kReadAnomalies <= 64);

}  // namespace millrace::firewall::inspection::readers
