// SPDX-License-Identifier: BSD-3-Clause
// What it costs to find the application of a session, in cycles of the time stamp counter: all that is done
// from the session's first packet to its name, shared out among its packets.
//
//   benchmark_applications               one JSON object a line
//   benchmark_applications allocations   fails when the C library's allocator is called
//   benchmark_applications system_calls  fails when there is a system call
#include <algorithm>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/syscall.h>
#include <x86intrin.h>

#include "common/acceleration/dpi/application_detector.h"
#include "tests/benchmark/count_allocations.h"
#include "tests/benchmark/report.h"
#include "tests/benchmark/without_system_calls.h"
#include "tests/support/application_packets.h"

namespace {

using namespace millrace;
using benchmark::Line;
using dpi::ApplicationDetector;
using testing::Octets;

constexpr int kSkipped = 77;

struct Session {
  std::string name;
  std::uint8_t protocol = 6;
  struct Packet {
    Octets bytes;
    bool from_responder = false;
  };
  std::vector<Packet> packets;
};

// Payloads from the initiator, or by turns from it and the responder.
Session session_of(std::string name, std::uint8_t protocol, std::uint16_t port,
                   const std::vector<Octets>& payloads, bool by_turns = false) {
  Session made{.name = std::move(name), .protocol = protocol, .packets = {}};
  std::uint32_t sequences[2] = {1001, 5001};
  bool responder = false;
  for (const Octets& payload : payloads) {
    testing::IpShape shape{.protocol = protocol, .destination_port = port};
    shape.sequence = sequences[responder ? 1 : 0];
    if (responder) std::swap(shape.source_port, shape.destination_port);
    sequences[responder ? 1 : 0] += static_cast<std::uint32_t>(payload.size());
    made.packets.push_back({testing::ip_packet(shape, payload), responder});
    responder = by_turns && !responder;
  }
  return made;
}

Octets noise(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  Octets made(bytes);
  for (auto& byte : made) byte = static_cast<std::uint8_t>(random());
  return made;
}

std::vector<Octets> much_noise(std::size_t bytes) {
  std::vector<Octets> made;
  for (unsigned i = 0; i < 16; ++i) made.push_back(noise(bytes, i));
  return made;
}

// An address that is long to look at: all of it may be an attack.
Octets long_request() {
  std::string text = "GET /a?";
  while (text.size() < 3800) text += "b=%3Cscript%20'%20or%201%3D1%20union%20select%20--&";
  return testing::octets(text + " HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
}

std::vector<Octets> endless_record() {
  Octets record = testing::client_hello_record("www.youtube.com");
  record[3] = 0xf0;
  record.resize(1400);
  return {16, record};
}

std::vector<Session> sessions() {
  const Octets banner = testing::octets("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
  const Octets request = testing::octets(
      "GET /index.html HTTP/1.1\r\nHost: www.youtube.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
      "Accept: text/html\r\n\r\n");
  return {
      session_of("tls", 6, 443, {testing::client_hello_record("www.youtube.com", 200)}),
      session_of("http", 6, 80, {request}),
      session_of("ssh", 6, 22, {banner, banner}, true),
      session_of("quic", 17, 443, {testing::quic_initial("www.youtube.com")}),
      session_of("dns", 17, 53, {testing::dns_query("www.example.org")}),
      session_of("bittorrent", 6, 51413, {testing::bittorrent_handshake()}),
      session_of("tcp noise", 6, 40001, much_noise(1400)),
      session_of("udp noise", 17, 40001, much_noise(1400)),
      session_of("long http request", 6, 80, {long_request()}),
      session_of("endless tls record", 6, 443, endless_record()),
  };
}

dpi::Detection play(ApplicationDetector& detector, const Session& session) {
  const auto flow = detector.take(session.protocol);
  dpi::Detection found;
  for (const auto& packet : session.packets)
    found = detector.look(
        flow,
        {.ip = packet.bytes, .transport = 20, .tick_ms = 1000, .from_responder = packet.from_responder});
  detector.give_back(flow);
  return found;
}

std::unique_ptr<ApplicationDetector> made_detector() {
  auto made = ApplicationDetector::make({});
  if (!made) throw std::runtime_error(made.error().message());
  return std::move(*made);
}

void measure(ApplicationDetector& detector, const Session& session) {
  benchmark::Samples cycles;
  dpi::Detection found;
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t begin = __rdtsc();
    for (int i = 0; i < 20; ++i) found = play(detector, session);
    cycles.add(static_cast<double>(__rdtsc() - begin) / 20.0 / static_cast<double>(session.packets.size()));
  }
  Line("applications")
      .text("session", session.name)
      .text("found", dpi::application_text(found.found))
      .number("packets", static_cast<double>(session.packets.size()))
      .samples("cycles_per_packet", cycles);
}

int check_allocations(ApplicationDetector& detector) {
  const auto all = sessions();
  const std::uint64_t before = benchmark::allocations();
  for (int i = 0; i < 100; ++i)
    for (const Session& session : all) static_cast<void>(play(detector, session));
  const std::uint64_t made = benchmark::allocations() - before;
  std::printf("%llu allocations, %llu applications known\n", static_cast<unsigned long long>(made),
              static_cast<unsigned long long>(detector.counts().known.read()));
  return before != 0 && made == 0 && detector.counts().known.read() > 100 ? 0 : 1;
}

int check_system_calls(ApplicationDetector& detector) {
  const auto all = sessions();
  const int control = benchmark::in_silence([] { static_cast<void>(syscall(SYS_getppid)); }, kSkipped);
  if (WIFEXITED(control) && WEXITSTATUS(control) == kSkipped) {
    std::printf("skipped: seccomp filters are not allowed here\n");
    return kSkipped;
  }
  if (!WIFSIGNALED(control)) {
    std::printf("a forbidden system call goes unnoticed (wait status %d)\n", control);
    return 1;
  }
  for (const Session& session : all) {
    const int status = benchmark::in_silence(
        [&] {
          for (int i = 0; i < 100; ++i) static_cast<void>(play(detector, session));
        },
        kSkipped);
    std::printf("%s: wait status %d\n", session.name.c_str(), status);
    if (status != 0) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto detector = made_detector();
  static_cast<void>(dpi::application_names());
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what == "allocations") return check_allocations(*detector);
  if (what == "system_calls") return check_system_calls(*detector);
  for (const Session& session : sessions()) measure(*detector, session);
  return 0;
}
