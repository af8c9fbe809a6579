// SPDX-License-Identifier: BSD-3-Clause
// What the two directions of an SMTP connection have to know of each other (RFC 5321): whether the server
// wants the mail that a client has announced, and whether TLS begins. All zeros: at the start.
#pragma once

#include <cstdint>
#include <type_traits>

namespace millrace::firewall::inspection::readers {

class SmtpExchange {
 public:
  enum class Answer : std::uint8_t { kWaits, kYes, kNo };

  // The client: something has come that is answered by one reply. They count from 1, and so do the replies,
  // behind the greeting.
  void asked() noexcept { ++asked_; }
  // The answer to what was asked last decides how the stream goes on.
  void await() noexcept {
    awaited_ = asked_;
    answer_ = Answer::kWaits;
  }
  [[nodiscard]] Answer answer() const noexcept { return unseen_ ? Answer::kYes : answer_; }
  // Whether what comes next is no command, but the answer to a challenge of the server (RFC 4954).
  [[nodiscard]] bool is_challenged() const noexcept { return challenge_ != 0 && challenge_ == asked_ + 1; }

  // The server: a reply is complete. True when it agrees to what was awaited.
  bool replied(unsigned code) noexcept {
    constexpr unsigned kChallenge = 334;
    if (replies_ > asked_) return false;  // nothing was asked
    const std::uint32_t to = replies_++;
    if (code == kChallenge) challenge_ = to + 1;
    if (to == 0 || to != awaited_) return false;
    const bool agrees = code >= 200 && code < 400;
    answer_ = agrees ? Answer::kYes : Answer::kNo;
    return agrees;
  }
  void begin_tls() noexcept { tls_ = true; }
  void ask_for_tls(bool asks) noexcept { tls_asked_ = asks; }
  [[nodiscard]] bool tls_asked() const noexcept { return tls_asked_; }
  [[nodiscard]] bool tls() const noexcept { return tls_; }

  // Nobody reads the server's side any more: it is taken to agree to everything.
  void lose_server() noexcept { unseen_ = true; }

 private:
  std::uint32_t asked_ = 0;
  std::uint32_t replies_ = 0;    // the greeting included
  std::uint32_t awaited_ = 0;    // 0: none
  std::uint32_t challenge_ = 0;  // the number of what answers it; 0: none
  Answer answer_ = Answer::kWaits;
  bool tls_asked_ = false;
  bool tls_ = false;
  bool unseen_ = false;
};
static_assert(std::is_trivially_copyable_v<SmtpExchange> && sizeof(SmtpExchange) <= 20);

}  // namespace millrace::firewall::inspection::readers
