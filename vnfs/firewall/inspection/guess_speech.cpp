// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/guess_speech.h"

#include <algorithm>
#include <string_view>

#include "vnfs/firewall/inspection/guess_http.h"
#include "vnfs/firewall/inspection/tls_reader.h"

namespace millrace::firewall::inspection {
namespace {

enum class Begins : std::uint8_t { kNo, kMaybe, kYes };

Begins begins(Bytes bytes, std::string_view with) noexcept {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              std::min(bytes.size(), with.size()));
  if (text != with.substr(0, text.size())) return Begins::kNo;
  return text.size() == with.size() ? Begins::kYes : Begins::kMaybe;
}

// A mail server speaks first, and its client greets it.
bool is_smtp(Bytes client, Bytes server) noexcept {
  const auto either = [](Bytes bytes, std::string_view a, std::string_view b) {
    return begins(bytes, a) == Begins::kYes || begins(bytes, b) == Begins::kYes;
  };
  return either(server, "220 ", "220-") &&
         (either(client, "EHLO ", "HELO ") || either(client, "ehlo ", "helo "));
}

}  // namespace

SpeechGuess guess_speech(Bytes client, Bytes server, std::uint16_t server_port) noexcept {
  constexpr std::size_t kEnough = 16;  // of a client, for all but HTTP
  if (begins_like_tls(client)) return {true, Speech::kTls};
  if (begins(client, "SSH-") == Begins::kYes || begins(server, "SSH-") == Begins::kYes)
    return {true, Speech::kSsh};
  if (is_smtp(client, server)) return {true, Speech::kSmtp};
  if (is_dns_port(server_port) && client.size() >= 2) return {true, Speech::kDns};
  const Guess http = guess_http(client);
  if (http == Guess::kYes) return {true, Speech::kHttp};
  return {client.size() >= kEnough && http == Guess::kNo, Speech::kUnknown};
}

}  // namespace millrace::firewall::inspection
