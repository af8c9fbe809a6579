// SPDX-License-Identifier: BSD-3-Clause
// Signatures that others wrote, on streams that others recorded: what is found is what a matcher finds that
// tries everything.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "common/net/parse.h"
#include "tests/support/corpus.h"
#include "tests/support/naive_signatures.h"
#include "tests/support/pcap_reader.h"
#include "tests/support/signature_bed.h"
#include "vnfs/firewall/inspection/signature_file.h"

namespace millrace::firewall::inspection {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = 4096;   // of a stream
constexpr std::size_t kMostStreams = 400;  // those with other bytes than any before
constexpr std::size_t kAskedEach = 25;     // signatures that the slow one judges on each

// Of payloads alone, whatever the addresses: what is left is what has to be found.
std::vector<Signature> signatures_of_payloads() {
  std::ifstream file(testing::corpus_folder() / "rules/emerging-threats-odd.rules", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  std::vector<Signature> kept;
  for (Signature& signature : read_signatures(text.str(), default_variables()).signatures) {
    const bool of_payload = signature.buffers.size() == 1 && signature.buffers[0].buffer == Buffer::kPayload;
    if (!of_payload || signature.protocol != 6 || !signature.flow_bits.empty() || signature.payload_length)
      continue;
    Signature plain;
    plain.protocol = 6;
    plain.id = signature.id;
    plain.flow.only_stream = true;
    plain.buffers = std::move(signature.buffers);
    kept.push_back(std::move(plain));
  }
  return kept;
}

// The first copy of each byte, by direction of a connection, from the first number seen.
class Streams {
 public:
  void add(const std::vector<std::uint8_t>& frame) {
    net::Headers headers;
    if (net::parse_frame(frame, frame.size(), headers, {.check_ipv4_checksum = false}) !=
            net::ParseError::kNone ||
        headers.protocol != net::protocol::kTcp || headers.is_fragment)
      return;
    const auto& tcp = *reinterpret_cast<const net::TcpHeader*>(frame.data() + headers.l4_offset);
    const std::size_t addresses = headers.is_ipv4() ? 12 : 8;
    const std::string key(reinterpret_cast<const char*>(frame.data()) + headers.l3_offset + addresses,
                          headers.l4_offset + 4 - headers.l3_offset - addresses);
    const bool syn = (tcp.flags & net::tcp_flag::kSyn) != 0;
    const auto [stream, added] = streams_.try_emplace(key);
    if (added) stream->second.first = tcp.sequence.host() + (syn ? 1 : 0);
    const std::size_t from = headers.payload_offset;
    for (std::size_t i = 0; i < headers.payload_length() && from + i < frame.size(); ++i) {
      const std::uint32_t place =
          tcp.sequence.host() + (syn ? 1 : 0) + static_cast<std::uint32_t>(i) - stream->second.first;
      if (place < kMostBytes) stream->second.bytes.emplace(place, frame[from + i]);
    }
  }
  void take(std::set<std::string>& into) const {
    for (const auto& [key, stream] : streams_) {
      std::string text;
      for (const auto& [place, byte] : stream.bytes) {
        if (place != text.size()) break;
        text += static_cast<char>(byte);
      }
      if (!text.empty() && into.size() < kMostStreams) into.insert(std::move(text));
    }
  }

 private:
  struct Stream {
    std::uint32_t first = 0;
    std::map<std::uint32_t, std::uint8_t> bytes;
  };
  std::map<std::string, Stream> streams_;
};

TEST(MatcherCorpus, FindsWhatTryingEverythingFinds) {
  if (!fs::exists(testing::corpus_folder() / "captures"))
    GTEST_SKIP() << "no captures in " << testing::corpus_folder();
  std::set<std::string> texts;
  for (const auto& entry : fs::recursive_directory_iterator(testing::corpus_folder() / "captures")) {
    if (!entry.is_regular_file()) continue;
    const auto packets = testing::read_capture(entry.path());
    if (!packets) continue;
    Streams streams;
    for (const auto& packet : *packets) {
      if (packet.link_type == testing::link_type::kEthernet) streams.add(packet.bytes);
    }
    streams.take(texts);
  }
  const std::vector<Signature> signatures = signatures_of_payloads();
  std::map<std::uint32_t, const Signature*> by_id;
  for (const Signature& signature : signatures) by_id[signature.id] = &signature;
  SignatureBed bed(signatures);
  std::mt19937 random(1);
  std::size_t found = 0;
  for (const std::string& text : texts) {
    bed.next_session();
    const auto ids = bed.stream(text);
    found += ids.size() + bed.hits.more;
    std::set<std::uint32_t> asked(ids.begin(), ids.end());
    const bool all_told = bed.hits.more == 0;
    while (all_told && asked.size() < ids.size() + kAskedEach)
      asked.insert(signatures[random() % signatures.size()].id);
    for (const std::uint32_t id : asked) {
      const bool holds = testing::naively_holds(*by_id.at(id), {{Buffer::kPayload, {text, true}}});
      EXPECT_EQ(holds, std::ranges::find(ids, id) != ids.end()) << "signature " << id;
    }
  }
  std::cout << signatures.size() << " signatures, " << texts.size() << " streams, " << found << " matches\n";
  EXPECT_GT(texts.size(), 100U);
  EXPECT_GT(found, 0U);
}

}  // namespace
}  // namespace millrace::firewall::inspection
