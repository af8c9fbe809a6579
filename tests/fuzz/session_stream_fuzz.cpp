// SPDX-License-Identifier: BSD-3-Clause
// A stream of sessions from bytes.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tests/fuzz/state_frames.h"
#include "vnfs/firewall/session_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::firewall;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& stream : {bytes, millrace::fuzz::with_right_checksums(bytes)}) {
    const auto read = read_session_stream(stream);
    if (!read) {
      if (read.error().message().empty()) std::abort();
      continue;
    }
    // What was read can be written, and reads the same.
    SessionStreamWriter writer;
    for (const NameKind kind : {NameKind::kRule, NameKind::kInterface, NameKind::kDomain}) {
      for (const std::string& name : read->names.of(kind)) static_cast<void>(writer.number(kind, name));
    }
    std::string again = writer.begin();
    again += writer.append(read->sessions);
    again += writer.end();
    const auto second = read_session_stream(again);
    if (!second || second->sessions != read->sessions) std::abort();
  }
  return 0;
}
