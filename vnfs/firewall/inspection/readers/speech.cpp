// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/speech.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/big_endian.h"
#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection::readers {
namespace {

constexpr std::size_t kDnsHeader = 12;
constexpr std::size_t kLeastQuestion = 5;

// DNS, multicast DNS (RFC 6762), LLMNR (RFC 4795).
bool is_dns_port(std::uint16_t port) noexcept { return port == 53 || port == 5353 || port == 5355; }

// kNotYet while `text` may yet begin with the word.
Guess begins(Bytes text, std::string_view word) noexcept {
  const std::size_t both = std::min(text.size(), word.size());
  if (!begins_with_word(text, word.substr(0, both))) return Guess::kNo;
  return both == word.size() ? Guess::kYes : Guess::kNotYet;
}

Guess either(Guess a, Guess b) noexcept {
  if (a == Guess::kYes || b == Guess::kYes) return Guess::kYes;
  return a == Guess::kNo && b == Guess::kNo ? Guess::kNo : Guess::kNotYet;
}

Guess contains(Bytes text, std::string_view word) noexcept {
  const auto found =
      std::search(text.begin(), text.end(), word.begin(), word.end(),
                  [](std::uint8_t a, char b) { return lower(a) == static_cast<std::uint8_t>(b); });
  return found == text.end() ? Guess::kNo : Guess::kYes;
}

// A query or an answer with one question, whose bytes are what a header may have (RFC 1035 section 4.1.1).
bool is_plausible_dns(Bytes message) noexcept {
  if (message.size() < kDnsHeader) return false;
  const auto at = [&](std::size_t i) noexcept {
    return static_cast<unsigned>(message[i] << 8U | message[i + 1]);
  };
  const unsigned flags = at(2);
  const bool is_answer = (flags & 0x8000U) != 0;
  const unsigned operation = flags >> 11U & 15U;
  const bool counts = at(4) == 1 && (is_answer || (at(6) == 0 && at(8) <= 1)) && at(10) <= 16;
  return operation <= 5 && (flags & 0x40U) == 0 && counts && (is_answer || (flags & 15U) == 0);
}

// Whether the question behind the header is all there is, or is followed by as much as the counts say.
bool has_question(Bytes message) noexcept {
  std::size_t at = kDnsHeader;
  std::size_t labels = 0;
  while (at < message.size() && message[at] != 0) {
    if (message[at] >= 0x40 || ++labels > 127) return false;
    at += message[at] + std::size_t{1};
  }
  if (message.size() < at + kLeastQuestion) return false;
  const unsigned query_class = static_cast<unsigned>(message[at + 3] << 8U | message[at + 4]) & 0x7fffU;
  const bool more = (message[6] | message[7] | message[8] | message[9] | message[10] | message[11]) != 0;
  return (query_class == 1 || query_class == 3 || query_class == 4 || query_class == 255) &&
         (more || message.size() == at + kLeastQuestion);
}

}  // namespace

// RFC 8446 section 5.1: a record of the handshake, and in it a client hello; or one for SSLv2, which the
// reader names.
Guess guess_tls(const FirstBytes& start) noexcept {
  constexpr std::uint8_t kHandshake = 22;
  constexpr std::uint8_t kClientHello = 1;
  const Bytes said = start.client;
  if (said.empty()) return Guess::kNotYet;
  if ((said[0] & 0x80U) != 0) {
    if (said.size() < 5) return said.size() > 2 && said[2] != kClientHello ? Guess::kNo : Guess::kNotYet;
    const bool version = (said[3] == 3 && said[4] <= 4) || (said[3] == 0 && said[4] == 2);
    return said[2] == kClientHello && version ? Guess::kYes : Guess::kNo;
  }
  if (said[0] != kHandshake || (said.size() > 1 && said[1] != 3)) return Guess::kNo;
  if (said.size() < 6) return Guess::kNotYet;
  const auto length = static_cast<unsigned>(said[3] << 8U | said[4]);
  return length != 0 && length <= 1U << 14U && said[5] == kClientHello ? Guess::kYes : Guess::kNo;
}

Guess guess_ssh(const FirstBytes& start) noexcept {
  const Guess client = start.client.empty() ? Guess::kNotYet : begins(start.client, "SSH-");
  const Guess server = start.server.empty() ? Guess::kNotYet : begins(start.server, "SSH-");
  // A server may say something else first, a client not.
  if (client == Guess::kNo) return Guess::kNo;
  return either(client, server);
}

// The server speaks first, and so does that of FTP: either the client says hello as only SMTP does, or the
// greeting has the protocol's name.
Guess guess_smtp(const FirstBytes& start) noexcept {
  const Guess greeting = start.server.empty() ? Guess::kNotYet : begins(start.server, "220");
  if (greeting == Guess::kNo) return Guess::kNo;
  Guess hello = Guess::kNotYet;
  if (!start.client.empty()) hello = either(begins(start.client, "EHLO "), begins(start.client, "HELO "));
  if (hello != Guess::kNotYet) return hello;
  const Bytes line = start.server.first(std::min(start.server.size(), kMostGuessed));
  const Bytes first = line.first(find(line, '\n'));
  if (greeting == Guess::kYes && contains(first, "smtp") == Guess::kYes) return Guess::kYes;
  return Guess::kNotYet;
}

Guess guess_dns(const FirstBytes& start) noexcept {
  constexpr std::size_t kPrefix = 2;
  const Bytes said = start.client;
  if (said.size() < kPrefix + kDnsHeader) return Guess::kNotYet;
  const std::size_t length = std::size_t{said[0]} << 8U | said[1];
  const Bytes message = said.subspan(kPrefix);
  if (length < kDnsHeader + kLeastQuestion || !is_plausible_dns(message)) return Guess::kNo;
  if (is_dns_port(start.server_port)) return Guess::kYes;
  if (length > kMostGuessed - kPrefix) return Guess::kNo;
  if (message.size() < length) return Guess::kNotYet;
  return has_question(message.first(length)) ? Guess::kYes : Guess::kNo;
}

SpeechGuess guess_speech(const FirstBytes& start) noexcept {
  const std::array<std::pair<Guess, Speech>, 5> guesses{{{guess_tls(start), Speech::kTls},
                                                         {guess_ssh(start), Speech::kSsh},
                                                         {guess_http(start.client), Speech::kHttp},
                                                         {guess_smtp(start), Speech::kSmtp},
                                                         {guess_dns(start), Speech::kDns}}};
  bool open = false;
  for (const auto& [guess, speech] : guesses) {
    if (guess == Guess::kYes) return {.speech = speech, .settled = true};
    open = open || guess == Guess::kNotYet;
  }
  return {.settled = !open || std::max(start.client.size(), start.server.size()) >= kMostGuessed};
}

bool is_dns(Bytes datagram, std::uint16_t server_port) noexcept {
  if (datagram.size() < kDnsHeader) return false;
  return is_dns_port(server_port) || (is_plausible_dns(datagram) && has_question(datagram));
}

}  // namespace millrace::firewall::inspection::readers
