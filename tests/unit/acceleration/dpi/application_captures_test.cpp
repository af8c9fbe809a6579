// SPDX-License-Identifier: BSD-3-Clause
// Sessions that were recorded, by captures whose names say what is in them.
#include <cstdlib>
#include <filesystem>
#include <map>
#include <ostream>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "common/acceleration/dpi/application_detector.h"
#include "common/net/parse.h"
#include "tests/support/pcap_reader.h"

namespace millrace::dpi {
namespace {

namespace fs = std::filesystem;

fs::path captures() {
  const char* set = std::getenv("MILLRACE_CORPUS");
  return (set != nullptr ? fs::path(set) : fs::path(MILLRACE_SOURCE_DIR) / "../shared/corpus") / "captures";
}

// Sessions by their protocol, addresses and ports; who speaks first is the initiator.
class Recording {
 public:
  explicit Recording(ApplicationDetector& detector) : detector_(detector) {}
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording() {
    for (const auto& [key, session] : sessions_) detector_.give_back(session.flow);
  }

  void play(const testing::CapturedPacket& packet) {
    if (packet.link_type != testing::link_type::kEthernet) return;
    net::Headers headers;
    const Bytes frame(packet.bytes);
    if (net::parse_frame(frame, frame.size(), headers, {.check_ipv4_checksum = false, .truncated = true}) !=
            net::ParseError::kNone ||
        headers.is_fragment || (!headers.is_ipv4() && !headers.is_ipv6())) {
      return;
    }
    const std::size_t address_bytes = headers.is_ipv4() ? 4 : 16;
    const Bytes addresses =
        frame.subspan(headers.l3_offset + (headers.is_ipv4() ? 12U : 8U), 2 * address_bytes);
    End from{std::string(addresses.begin(), addresses.begin() + static_cast<std::ptrdiff_t>(address_bytes)),
             headers.source_port.host()};
    End to{std::string(addresses.begin() + static_cast<std::ptrdiff_t>(address_bytes), addresses.end()),
           headers.destination_port.host()};
    const Key key{headers.protocol, std::min(from, to), std::max(from, to)};
    auto found = sessions_.find(key);
    if (found == sessions_.end()) {
      const auto flow = detector_.take(headers.protocol);
      if (flow == ApplicationDetector::kNone) return;
      found = sessions_.emplace(key, Session{flow, from}).first;
    }
    const std::size_t end = std::min<std::size_t>(headers.end_offset, frame.size());
    if (headers.l4_offset > end) return;
    static_cast<void>(
        detector_.look(found->second.flow, {.ip = frame.subspan(headers.l3_offset, end - headers.l3_offset),
                                            .transport = std::size_t{headers.l4_offset} - headers.l3_offset,
                                            .tick_ms = ++tick_ms_,
                                            .from_responder = from != found->second.initiator}));
  }

  // How many sessions are of each application; a guess has a question mark.
  [[nodiscard]] std::map<std::string, int> found() const {
    std::map<std::string, int> counts;
    for (const auto& [key, session] : sessions_) {
      const Detection detection = detector_.give_up(session.flow);
      const bool guess = detection.state != Detection::State::kKnown;
      ++counts[application_text(detection.found) + (guess ? "?" : "")];
    }
    return counts;
  }

 private:
  using End = std::pair<std::string, std::uint16_t>;
  using Key = std::tuple<std::uint8_t, End, End>;
  struct Session {
    ApplicationDetector::Number flow;
    End initiator;
  };

  ApplicationDetector& detector_;
  std::map<Key, Session> sessions_;
  std::uint64_t tick_ms_ = 0;
};

TEST(Dump, All) {
  auto detector = std::move(*ApplicationDetector::make({}));
  for (const auto& file : fs::recursive_directory_iterator(captures())) {
    if (!file.is_regular_file()) continue;
    const auto packets = testing::read_capture(file.path());
    if (!packets) continue;
    Recording recording(*detector);
    for (const auto& packet : *packets) recording.play(packet);
    printf("%s:", file.path().filename().c_str());
    for (const auto& [text, count] : recording.found()) printf(" %s=%d", text.c_str(), count);
    puts("");
  }
  printf("stray %lu forgotten %lu mem %lu\n", detector->counts().stray_pointers.read(),
         detector->counts().forgotten_blocks.read(), detector->counts().without_memory.read());
}

}  // namespace
}  // namespace millrace::dpi
