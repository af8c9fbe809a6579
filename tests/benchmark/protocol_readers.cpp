// SPDX-License-Identifier: BSD-3-Clause
// What it costs to take messages of TLS, QUIC and DNS apart.
//
//   benchmark_protocol_readers               one JSON object a line: nanoseconds for a message
//   benchmark_protocol_readers allocations   fails when a reader allocates
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/benchmark/count_allocations.h"
#include "tests/support/quic_packets.h"
#include "tests/support/tls_bytes.h"
#include "vnfs/firewall/inspection/readers/dns_reader.h"
#include "vnfs/firewall/inspection/readers/quic_hello.h"
#include "vnfs/firewall/inspection/readers/smtp_reader.h"
#include "vnfs/firewall/inspection/readers/ssh_reader.h"
#include "vnfs/firewall/inspection/readers/tls_reader.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using namespace millrace::firewall::inspection::readers;
using Clock = std::chrono::steady_clock;

Bytes bytes_of_text(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// As a browser's: 16 ciphers, 12 extensions, a key share as long as ML-KEM's.
std::string browser_hello() {
  using namespace millrace::testing;
  std::string extensions = tls_server_name("www.example.org") +
                           tls_extension(10, counted(pairs({0x1a1a, 0x11ec, 29, 23, 24}), 2)) +
                           tls_extension(11, std::string("\1\0", 2)) + tls_protocols({"h2", "http/1.1"}) +
                           tls_extension(43, counted(pairs({0x3a3a, 0x0304, 0x0303}), 1)) +
                           tls_extension(51, std::string(1260, 'k'));
  for (const unsigned type : {5U, 13U, 18U, 23U, 27U, 35U})
    extensions += tls_extension(type, std::string(8, 'x'));
  return tls_client_hello(extensions, {0x4a4a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9,
                                       0xcca8, 0xc013, 0xc014, 0x9c, 0x9d, 0x2f, 0x35});
}

// A certificate whose length is one of today's; its key and signature are bytes of no meaning.
std::string certificate() {
  const auto der = [](unsigned tag, const std::string& content) {
    return millrace::testing::number_bytes(tag, 1) + (content.size() < 128
                                                          ? millrace::testing::counted(content, 1)
                                                          : "\x82" + millrace::testing::counted(content, 2));
  };
  const auto part = [&](const char* oid, const std::string& value) {
    return der(0x31, der(0x30, der(6, oid) + der(0x0c, value)));
  };
  const std::string name = der(0x30, part("\x55\4\6", "US") + part("\x55\4\x0a", "Example Trust Services") +
                                         part("\x55\4\3", "www.example.org"));
  const std::string inner = der(0xa0, der(2, "\2")) + der(2, "0123456789abcdef") + der(0x30, "") + name +
                            der(0x30, "") + name + der(0x30, std::string(800, 'k'));
  return der(0x30, der(0x30, inner) + der(0x30, "") + der(3, std::string(256, 's')));
}

struct Case {
  const char* name;
  std::size_t bytes;
  std::function<unsigned()> run;  // how many events were told
};

class Cases {
 public:
  std::vector<Case> all() {
    using namespace millrace::testing;
    hello_ = tls_record(22, browser_hello());
    pieces_ = tls_records(22, browser_hello(), 100);
    server_ = tls_record(22, tls_server_hello("") + tls_certificates({certificate()}));
    const QuicSealer sealer(kQuic1, "01234567");
    const std::string hello = browser_hello();
    quic_first_ = sealer.initial(QuicSealer::crypto(900, hello.substr(900)), 0);
    quic_second_ = sealer.initial(QuicSealer::crypto(0, hello.substr(0, 900)), 1);
    query_ = pairs({7, 0x0100, 1, 0, 0, 0}) + counted("www", 1) + counted("example", 1) + counted("org", 1) +
             std::string(1, '\0') + pairs({1, 1});
    ssh_ = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";
    smtp_ = "EHLO a.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n" +
            std::string(1000, 'x') + "\r\n.\r\n";
    return {
        {"tls client hello", hello_.size(), [this] { return tls(Side::kClient, hello_); }},
        {"tls client hello in 100-byte records", pieces_.size(),
         [this] { return tls(Side::kClient, pieces_); }},
        {"tls server hello and certificate", server_.size(), [this] { return tls(Side::kServer, server_); }},
        {"quic hello in two datagrams", quic_first_.size() + quic_second_.size(), [this] { return quic(); }},
        {"dns query", query_.size(),
         [this] {
           return read_dns(bytes_of_text(query_), [](const DnsEvent&) noexcept { return true; }) ? 1U : 0U;
         }},
        {"ssh identification", ssh_.size(), [this] { return ssh(); }},
        {"smtp mail of 1 KB", smtp_.size(), [this] { return smtp(); }}};
  }

 private:
  unsigned tls(Side side, const std::string& stream) {
    unsigned told = 0;
    TlsReader reader;
    reader.advance(bytes_of_text(stream), false, side, room_,
                   [&](const TlsEvent&) noexcept { return ++told != 0; });
    return told;
  }
  unsigned quic() {
    unsigned told = 0;
    QuicHello reader;
    for (const std::string* datagram : {&quic_first_, &quic_second_})
      reader.advance(bytes_of_text(*datagram), {room_, crypto_, pool_}, [&](const TlsEvent& event) noexcept {
        told += event.what == TlsEvent::What::kClientHello ? 1 : 0;
        return true;
      });
    return told;
  }
  unsigned ssh() {
    unsigned told = 0;
    SshReader reader;
    reader.advance(bytes_of_text(ssh_), false, Side::kClient,
                   [&](const SshEvent&) noexcept { return ++told != 0; });
    return told;
  }
  unsigned smtp() {
    unsigned told = 0;
    SmtpReader reader;
    SmtpExchange exchange;
    exchange.lose_server();
    struct None final : BodyStore {
      bool append(Bytes) noexcept override { return false; }
      [[nodiscard]] Bytes bytes() const noexcept override { return {}; }
      void clear() noexcept override {}
    } none;
    reader.advance(bytes_of_text(smtp_), false, Side::kClient, {exchange, none},
                   [&](const SmtpEvent&) noexcept { return ++told != 0; });
    return told;
  }

  Room room_{kTlsRoom};
  QuicCrypto crypto_;
  BufferPool pool_{std::size_t{1} << 16U};
  std::string hello_, pieces_, server_, quic_first_, quic_second_, query_, ssh_, smtp_;
};

int check_allocations(std::vector<Case>& cases) {
  int status = EXIT_SUCCESS;
  for (const Case& one : cases) {
    const std::uint64_t before = benchmark::allocations();
    unsigned told = 0;
    for (unsigned i = 0; i < 1000; ++i) told += one.run();
    const std::uint64_t made = benchmark::allocations() - before;
    std::printf("%s: %llu allocations, %u events\n", one.name, static_cast<unsigned long long>(made), told);
    if (made != 0 || told == 0) status = EXIT_FAILURE;
  }
  return status;
}

void measure(const Case& one) {
  constexpr unsigned kRounds = 20'000;
  double best = 1e9;
  for (unsigned part = 0; part < 5; ++part) {
    const auto begin = Clock::now();
    for (unsigned i = 0; i < kRounds; ++i) static_cast<void>(one.run());
    const std::chrono::duration<double, std::nano> took = Clock::now() - begin;
    best = std::min(best, took.count() / kRounds);
  }
  std::printf("{\"case\": \"%s\", \"bytes\": %zu, \"nanoseconds\": %.0f}\n", one.name, one.bytes, best);
}

}  // namespace

int main(int argc, char** argv) {
  Cases cases;
  std::vector<Case> all = cases.all();
  if (argc > 1 && std::string_view(argv[1]) == "allocations") return check_allocations(all);
  for (const Case& one : all) measure(one);
  return EXIT_SUCCESS;
}
