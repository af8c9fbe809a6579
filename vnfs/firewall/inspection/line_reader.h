// SPDX-License-Identifier: BSD-3-Clause
// Lines of protocols that talk in lines: the identification of SSH (RFC 4253 section 4.2) and the commands of
// SMTP (RFC 5321 section 4.1).
#pragma once

#include <cstdint>
#include <type_traits>

#include "vnfs/firewall/inspection/parts.h"

namespace millrace::firewall::inspection {

// Reads on from where it was; each byte is looked at once. All zeros: at the stream's beginning.
class LineReader {
 public:
  static constexpr std::uint32_t kLongest = 4096;  // of a line; a longer one ends the reading

  // The next whole line without its end; false when there is none yet, or none to come.
  [[nodiscard]] bool next(Bytes stream, Bytes& line) noexcept;
  [[nodiscard]] bool over() const noexcept { return over_; }
  void end() noexcept { over_ = true; }

 private:
  std::uint32_t begin_ = 0;   // of the line
  std::uint32_t looked_ = 0;  // all before it is no end
  bool over_ = false;
};
static_assert(std::is_trivially_copyable_v<LineReader>);

// "SSH-2.0-OpenSSH_9.2p1 Debian": protocol and software. False when the line is another one, as servers may
// send before it.
[[nodiscard]] bool read_ssh_identification(Bytes line, Parts& parts) noexcept;

// What a client says to a mail server.
enum class SmtpCommand : std::uint8_t { kOther, kNamed, kData, kTls };
// kNamed: the line has a part.
[[nodiscard]] SmtpCommand read_smtp_command(Bytes line, Parts& parts) noexcept;

}  // namespace millrace::firewall::inspection
