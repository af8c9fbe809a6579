// SPDX-License-Identifier: BSD-3-Clause
// Files of signatures from bytes. What must hold: what is not in force has a line and a reason; what is in
// force is sound, has a number of its own, and can be made ready for matching or has a reason as well.
#include <algorithm>
#include <set>
#include <string_view>

#include "tests/fuzz/input.h"
#include "vnfs/firewall/inspection/compile_checks.h"
#include "vnfs/firewall/inspection/signature_file.h"
#include "vnfs/firewall/inspection/signature_soundness.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using fuzz::require;

void check_ports(const PortSpec& spec) {
  for (std::size_t i = 0; i < spec.size(); ++i) {
    require(spec[i].first <= spec[i].last, "a range of ports goes upward");
    require(i == 0 || spec[i].first > spec[i - 1].last + 1U, "ranges are sorted, and none touches the next");
  }
}

void check(const Signature& signature) {
  check_ports(signature.source_ports);
  check_ports(signature.destination_ports);
  for (const BufferTests& in : signature.buffers) {
    require(!in.tests.empty(), "a buffer is named for a test");
    for (const Test& test : in.tests) {
      const auto* content = std::get_if<Content>(&test);
      require(content == nullptr || !content->bytes.empty(), "a content has bytes");
    }
  }
  Signature again = signature;
  require(make_sound(again).has_value() && again == signature, "what is sound stays as it is");
  FlowBitNames names;
  const auto compiled = compile_checks(signature, names);
  require(compiled.has_value() || !compiled.error().reason.empty(), "a refusal has a reason");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const SignatureVariables kVariables = default_variables();
  const SignatureFile file = read_signatures(text, kVariables);
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  std::set<std::pair<std::uint32_t, std::uint32_t>> numbers;
  for (const Signature& signature : file.signatures) {
    require(signature.line >= 1 && signature.line <= lines, "it stands in the text");
    require(signature.id != 0 && numbers.emplace(signature.group, signature.id).second,
            "its number is its own");
    check(signature);
  }
  for (const Skipped& skipped : file.skipped) {
    require(skipped.line >= 1 && skipped.line <= lines, "what is skipped stands in the text");
    require(!skipped.reason.empty(), "what is skipped has a reason");
  }
  return 0;
}
