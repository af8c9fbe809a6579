// SPDX-License-Identifier: BSD-3-Clause
// A stream of bindings from bytes.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tests/fuzz/state_frames.h"
#include "vnfs/nat/binding_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::nat;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& stream : {bytes, millrace::fuzz::with_right_checksums(bytes)}) {
    const auto read = read_binding_stream(stream);
    if (!read) {
      if (read.error().message().empty()) std::abort();
      continue;
    }
    // What was read can be written, and reads the same.
    BindingStreamWriter writer;
    for (const std::string& name : read->domains) {
      // A name that comes twice has one number when it is written.
      if (writer.domain(name) != static_cast<std::size_t>(&name - read->domains.data())) return 0;
    }
    std::string again = writer.begin();
    again += writer.append(read->bindings);
    again += writer.end();
    const auto second = read_binding_stream(again);
    if (!second || second->bindings.sessions != read->bindings.sessions ||
        second->bindings.leases != read->bindings.leases || second->bindings.algs != read->bindings.algs ||
        second->bindings.mappings != read->bindings.mappings)
      std::abort();
  }
  return 0;
}
