// SPDX-License-Identifier: BSD-3-Clause
// A stream of sessions from bytes. The checksums would stop a fuzzer at once, so they are set right first:
// frames are walked by their lengths as the format says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "common/base/big_endian.h"
#include "vnfs/firewall/crc32c.h"
#include "vnfs/firewall/session_stream.h"

namespace {

constexpr std::size_t kHeader = 16;
constexpr std::size_t kFrameHead = 8;

std::string with_right_checksums(std::string stream) {
  for (std::size_t at = kHeader; at + kFrameHead + 4 <= stream.size();) {
    millrace::be32 length;
    std::memcpy(&length, stream.data() + at + 4, sizeof length);
    const std::size_t checked = kFrameHead + length.host();
    if (stream.size() - at < checked + 4) break;
    const millrace::be32 check(millrace::firewall::crc32c(std::string_view(stream).substr(at, checked)));
    std::memcpy(stream.data() + at + checked, &check, sizeof check);
    at += checked + 4;
  }
  return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::firewall;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& stream : {bytes, with_right_checksums(bytes)}) {
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
