// SPDX-License-Identifier: BSD-3-Clause
// UDP checks: a payload of the operator's, and a question of the DNS.
#include <array>
#include <random>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "vnfs/load_balancer/health/dns_message.h"
#include "vnfs/load_balancer/health/kinds.h"
#include "vnfs/load_balancer/health/socket.h"

namespace millrace::load_balancer::health {
namespace {

namespace asio = boost::asio;

// Answers to no question of ours, before one is taken for a liar.
constexpr int kMostStrays = 16;
constexpr std::size_t kShownBytes = 32;
constexpr std::size_t kMostAnswerBytes = 2048;  // of an answer; the rest is of no interest

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// For a sentence: what is not printable as "\x..".
std::string in_quotes(std::string_view bytes) {
  std::string text = "\"";
  for (const char c : bytes.substr(0, kShownBytes)) {
    if (c < ' ' || c > '~' || c == '"' || c == '\\') {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
  return text + (bytes.size() > kShownBytes ? "...\"" : "\"");
}

}  // namespace

asio::awaitable<Outcome> check_udp(Progress& progress, const UdpCheck& check) {
  DatagramSocket socket(progress.io);
  const WhileOpen open(progress, [&socket] { socket.close(); });
  const auto opened = socket.open(progress.target, SOCK_DGRAM, IPPROTO_UDP);
  if (!opened) co_return opened.error();
  const auto sent = socket.send(bytes_of(check.send));
  if (!sent) co_return sent.error();

  std::array<std::uint8_t, kMostAnswerBytes> buffer;
  const auto received = co_await socket.receive(buffer);
  if (!received) co_return received.error();
  const std::string_view answer(reinterpret_cast<const char*>(received->data()), received->size());
  if (check.receive && !answer.starts_with(*check.receive)) {
    co_return bad(
        fmt::format("answer {} where {} was expected", in_quotes(answer), in_quotes(*check.receive)));
  }
  co_return good("answer " + in_quotes(answer));
}

asio::awaitable<Outcome> check_dns(Progress& progress, const DnsCheck& check) {
  const auto id = static_cast<std::uint16_t>(std::random_device{}());
  const auto query = dns_query(id, check.name, check.type);
  if (query.empty()) co_return not_run(fmt::format("\"{}\" cannot be asked for", check.name));
  DatagramSocket socket(progress.io);
  const WhileOpen open(progress, [&socket] { socket.close(); });
  const auto opened = socket.open(progress.target, SOCK_DGRAM, IPPROTO_UDP);
  if (!opened) co_return opened.error();
  const auto sent = socket.send(query);
  if (!sent) co_return sent.error();

  for (int strays = 0; strays < kMostStrays; ++strays) {
    std::array<std::uint8_t, 512> buffer;
    const auto received = co_await socket.receive(buffer);
    if (!received) co_return received.error();
    const auto answer = read_dns_answer(*received, query);
    if (!answer) continue;
    if (answer->code != 0) co_return bad(fmt::format("{} for {}", dns_code_text(answer->code), check.name));
    if (check.answers && answer->records == 0) co_return bad("no records for " + check.name);
    co_return good(fmt::format("NOERROR, {} records", answer->records));
  }
  co_return bad("answers to another question");
}

}  // namespace millrace::load_balancer::health
