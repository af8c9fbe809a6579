// SPDX-License-Identifier: BSD-3-Clause
// The header of a signature: action, protocol, addresses and ports.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "vnfs/firewall/inspection/signature_file.h"
#include "vnfs/firewall/inspection/signature_text.h"

namespace millrace::firewall::inspection {

// "any", an address, prefix or range, $NAME, [a, !b, [c]], and any of them behind '!'.
[[nodiscard]] Result<AddressSpec> read_addresses(std::string_view text, const SignatureVariables& variables);
// "any", 80, 1:1024, :1024, 1024:, $NAME, [80, !81], and any of them behind '!'.
[[nodiscard]] Result<PortSpec> read_ports(std::string_view text, const SignatureVariables& variables);

// Whether it is what a signature may say is done.
[[nodiscard]] bool is_action(std::string_view word) noexcept;

// Reads headers one after the other: most of their words come again and again.
class HeaderReader {
 public:
  explicit HeaderReader(const SignatureVariables& variables) : variables_(variables) {}

  // The seven words of a header.
  [[nodiscard]] Result<void> read(const std::vector<std::string_view>& words, Signature& signature);

 private:
  const SignatureVariables& variables_;
  std::map<std::string, AddressSpec, std::less<>> addresses_;
  std::map<std::string, PortSpec, std::less<>> ports_;
};

}  // namespace millrace::firewall::inspection
