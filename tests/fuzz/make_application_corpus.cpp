// SPDX-License-Identifier: BSD-3-Clause
// What sessions of well-known applications begin with, as applications_fuzz.cpp reads it.
#include <string>

#include "tests/fuzz/corpus_writer.h"
#include "tests/support/application_packets.h"

namespace millrace::fuzz {
namespace {

constexpr std::uint8_t kUdp = 4;
constexpr std::uint8_t kIpv6 = 16;
constexpr std::uint8_t kResponder = 32;
constexpr std::uint8_t kBegin = 128;

std::string number(std::size_t value) {
  return {static_cast<char>(value & 0xffU), static_cast<char>(value >> 8U & 0xffU)};
}

// A flow's first packet, then others of the same flow.
std::string first(unsigned how, std::uint16_t port, const std::string& payload) {
  return static_cast<char>(how | kBegin) + number(40000) + number(port) + number(payload.size()) + payload;
}
std::string next(unsigned how, const std::string& payload) {
  return static_cast<char>(how) + number(payload.size()) + payload;
}
std::string text(const testing::Octets& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

void write_applications(Corpus& corpus) {
  const auto write = [&](const std::string& name, const std::string& packets) {
    corpus.write("applications", name, std::string(1, '\0') + packets);
  };
  const std::string hello = text(testing::client_hello_record("www.youtube.com", 300));
  const std::string banner = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";
  const std::string request =
      "GET /a?b=%3Cc%3E HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux "
      "x86_64)\r\n\r\n";
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nServer: nginx\r\n\r\n<html>";
  write("tls", first(0, 443, hello));
  write("tls_in_pieces", first(kIpv6, 443, hello.substr(0, 200)) + next(0, hello.substr(200)));
  write("quic", first(kUdp, 443, text(testing::quic_initial("www.youtube.com"))));
  write("ssh", first(0, 22, banner) + next(kResponder, banner));
  write("http", first(0, 80, request) + next(kResponder, answer));
  write("dns", first(kUdp | kIpv6, 53, text(testing::dns_query("www.example.org"))));
  write("bittorrent", first(0, 6881, text(testing::bittorrent_handshake())));
  write("smtp", first(0, 25, "") + next(kResponder, "220 mail.example ESMTP\r\n") +
                    next(0, "EHLO a.example\r\n") + next(kResponder, "250-STARTTLS\r\n250 OK\r\n") +
                    next(0, "STARTTLS\r\n"));
  write("sip", first(kUdp, 5060, "INVITE sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n"));
  write("several", first(0, 443, hello) + first(kUdp | 1U, 53, text(testing::dns_query("a.example"))) +
                       first(2, 22, banner) + next(2 | kResponder, banner));
}

}  // namespace millrace::fuzz
