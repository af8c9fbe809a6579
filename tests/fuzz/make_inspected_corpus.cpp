// SPDX-License-Identifier: BSD-3-Clause
// Sessions that say something the firewall looks into, as pipeline_inspected_fuzz.cpp reads them.
#include <string>
#include <vector>

#include "tests/fuzz/corpus_writer.h"
#include "tests/fuzz/pipeline_seed.h"
#include "tests/packet/firewall/talk.h"
#include "tests/support/application_packets.h"

namespace millrace::fuzz {
namespace {

using testing::both_families;
using testing::kInside;
using testing::kOutside;
using testing::PacketBuilder;
using testing::Talk;

constexpr unsigned kOther = PipelineSeed::kOtherWorker;

std::string text(const testing::Octets& bytes) { return {bytes.begin(), bytes.end()}; }

// A connection on which the client says one thing, in pieces, and the server another; then both end it.
struct Conversation {
  std::string name;
  std::uint16_t port;
  std::string asked;
  std::string answered;
};

const std::vector<Conversation>& conversations() {
  static const std::vector<Conversation> all{
      {"evil_uri", 80, "GET /evil?id=77 HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Firefox/115\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n<script></s>"},
      {"listed_page", 80, "GET /dir/page HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<scrip\r\n2\r\nt>\r\n0\r\n\r\n"},
      {"listed_host", 80, "GET / HTTP/1.1\r\nHost: bad.example\r\n\r\n", "HTTP/1.1 404 No\r\n\r\n"},
      {"malware", 8080, "all of this is MalWare and nothing else", "a trusted answer"},
      {"root", 2323, "who is root? let us exec it", "done"},
      {"tls", 443, text(testing::client_hello_record("www.bad.example", 300)),
       "\x15\x03\x03\x00\x02\x02\x28"},
      {"ssh", 22, "SSH-2.0-OpenSSH_9.2p1\r\n", "SSH-2.0-OpenSSH_8.4\r\n"},
      {"torrent", 6881, text(testing::bittorrent_handshake()), "x"},
      {"mail", 25, "EHLO one.example\r\nMAIL FROM:<a@bad.example>\r\nSTARTTLS\r\n",
       "220 two.example ESMTP\r\n250-two\r\n250 STARTTLS\r\n220 go on\r\n"},
  };
  return all;
}

PipelineSeed held(std::uint8_t settings, const Talk& talk, const Conversation& of, std::size_t piece,
                  bool backwards) {
  PipelineSeed seed(settings);
  seed.add(kInside, talk.c("S", 0, 0).option_mss(1460))
      .add(kOutside, talk.s("SA", 0, 1).option_mss(1460))
      .add(kInside, talk.c("A", 1, 1));
  std::vector<PacketBuilder> segments;
  for (std::size_t at = 0; at < of.asked.size(); at += piece) {
    segments.push_back(talk.c("PA", static_cast<std::uint32_t>(1 + at), 1)
                           .payload(std::string_view(of.asked).substr(at, piece)));
  }
  for (std::size_t i = 0; i < segments.size(); ++i)
    seed.add(kInside, segments[backwards ? segments.size() - 1 - i : i], i % 3 == 0 ? kOther : 0U);
  const auto asked = static_cast<std::uint32_t>(1 + of.asked.size());
  const auto answered = static_cast<std::uint32_t>(1 + of.answered.size());
  seed.add(kOutside, talk.s("PA", 1, asked).payload(std::string_view(of.answered)))
      .add(kInside, talk.c("A", asked, answered))
      .add(kInside, talk.c("FA", asked, answered))
      .add(kOutside, talk.s("FA", answered, asked + 1))
      .add(kInside, talk.c("A", asked + 1, answered + 1));
  return seed;
}

}  // namespace

void write_pipeline_inspected(Corpus& corpus) {
  const auto write = [&](const std::string& name, const PipelineSeed& seed) {
    corpus.write("pipeline_inspected", name, seed.bytes());
  };
  std::uint8_t settings = 0;
  for (const testing::Ends& ends : both_families()) {
    for (const Conversation& one : conversations()) {
      const Talk talk{.ends = ends, .server_port = one.port};
      write(one.name + "_" + ends.name, held(settings % 2, talk, one, 1400, false));
      write(one.name + "_in_pieces_" + ends.name, held(settings % 2, talk, one, 7, settings % 3 == 0));
      ++settings;
    }
    PipelineSeed datagrams(0);
    for (const char* name : {"www.example.org", "a-tunnel.example", "www.bad.example"}) {
      datagrams.add(kInside, PacketBuilder(ends.client).udp(5353, 53).payload(testing::dns_query(name)));
    }
    datagrams
        .add(kInside, PacketBuilder(ends.client).udp(5000, 443).payload(testing::quic_initial("bad.example")))
        .add(kInside, PacketBuilder(ends.client).udp(5001, 99).payload(30));
    write("datagrams_" + ends.name, datagrams);
  }
  const Talk talk{.ends = both_families()[0], .server_port = 8080};
  PipelineSeed overlaps(2);
  overlaps.add(kInside, talk.c("S", 0, 0))
      .add(kOutside, talk.s("SA", 0, 1))
      .add(kInside, talk.c("A", 1, 1))
      .add(kInside, talk.c("PA", 5, 1).payload(std::string_view("later words")))
      .add(kInside, talk.c("PA", 1, 1).payload(std::string_view("firstXwords that")))
      .add(kInside, talk.c("PA", 1, 1).payload(std::string_view("firs")), PipelineSeed::kChangePolicy)
      .add(kInside, talk.c("PAU", 16, 1).payload(std::string_view(" are urgent")))
      .add(kInside, talk.c("R", 27, 0));
  write("overlaps", overlaps);
}

}  // namespace millrace::fuzz
