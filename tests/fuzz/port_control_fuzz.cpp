// SPDX-License-Identifier: BSD-3-Clause
// Messages to the port of PCP from bytes. What must hold: what is answered gets a response that is not longer
// than PCP allows, that is no request itself, and that shows the opcode asked for.
//
// The first byte: bit 0 allows THIRD_PARTY, bit 1 PREFER_FAILURE, bit 2 puts the client's address right, bit
// 3 version 2.
#include <algorithm>
#include <array>
#include <memory>

#include "tests/fuzz/input.h"
#include "vnfs/nat/nat_pmp_message.h"

namespace {

using namespace millrace;
using fuzz::require;

const net::IpAddress kClient = *net::IpAddress::parse("10.0.0.10");

void check_pcp(Bytes message, nat::pcp::Options options) {
  const auto read = nat::pcp::read_request(message, kClient, options);
  if (read.verdict == nat::pcp::Verdict::kIgnore) return;
  nat::pcp::Message out;
  const bool served = read.verdict == nat::pcp::Verdict::kServe;
  require(served == (read.result == nat::pcp::Result::kSuccess), "what is refused has a reason");
  const std::size_t length = served ? nat::pcp::write_response(out, message, {.external_address = kClient})
                                    : nat::pcp::write_error(out, message, read.result, 1, 1);
  require(length >= 24 && length <= nat::pcp::kLongest && length % 4 == 0, "a response has a length of PCP");
  require(!served || length <= message.size(), "a response is no longer than what asked for it");
  require(out[0] == 2 && out[1] == (message[1] | 0x80U), "a response is one to this opcode");
  require(read.request.filter_count <= nat::pcp::kMostFilters, "there are no more filters than fit");
  require(nat::pcp::read_request(Bytes(out).first(length), kClient, options).verdict ==
              nat::pcp::Verdict::kIgnore,
          "a response is not answered");
}

void check_nat_pmp(Bytes message) {
  if (!nat::nat_pmp::is_nat_pmp(message)) return;
  const auto read = nat::nat_pmp::read_request(message);
  if (read.verdict == nat::pcp::Verdict::kIgnore) return;
  nat::pcp::Message out;
  const std::size_t length =
      read.verdict == nat::pcp::Verdict::kRefuse
          ? nat::nat_pmp::write_unsupported(out, message, 1)
          : nat::nat_pmp::write_mapping(out, nat::nat_pmp::Result::kSuccess, 1, read.request, 1, 1);
  require(nat::nat_pmp::read_request(Bytes(out).first(length)).verdict == nat::pcp::Verdict::kIgnore,
          "a response is not answered");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t how = data[0];
  const std::size_t length = size - 1;
  // A copy of the exact size, so that a sanitizer sees the first byte read past the end.
  const auto copy = std::make_unique<std::uint8_t[]>(length);
  std::copy_n(data + 1, length, copy.get());
  if ((how & 8U) != 0 && length != 0) copy[0] = 2;
  if ((how & 4U) != 0 && length >= 24) {
    constexpr std::array<std::uint8_t, 16> kRight{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 10};
    std::ranges::copy(kRight, copy.get() + 8);
  }
  const Bytes message(copy.get(), length);
  check_pcp(message, {.third_party = (how & 1U) != 0, .prefer_failure = (how & 2U) != 0});
  check_nat_pmp(message);
  return 0;
}
