// SPDX-License-Identifier: BSD-3-Clause
// A stream of a load balancer's connections from bytes.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tests/fuzz/state_frames.h"
#include "vnfs/load_balancer/connection_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::load_balancer;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& stream : {bytes, millrace::fuzz::with_right_checksums(bytes)}) {
    const auto read = read_connection_stream(stream);
    if (!read) {
      if (read.error().message().empty()) std::abort();
      continue;
    }
    // What was read can be written, and reads the same.
    ConnectionStreamWriter writer;
    const auto name_all = [&](NameKind kind, const std::vector<std::string>& names) {
      // A name that comes twice has one number when it is written.
      for (std::size_t place = 0; place < names.size(); ++place) {
        if (writer.number(kind, names[place]) != place) return false;
      }
      return true;
    };
    if (!name_all(NameKind::kDomain, read->domains) || !name_all(NameKind::kService, read->services))
      return 0;
    std::string again = writer.begin();
    again += writer.append(read->connections);
    again += writer.end();
    const auto second = read_connection_stream(again);
    if (!second || second->connections != read->connections || second->domains != read->domains ||
        second->services != read->services)
      std::abort();
  }
  return 0;
}
