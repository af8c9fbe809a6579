// SPDX-License-Identifier: BSD-3-Clause
// Files of signatures in the text format of Suricata and Snort. What is understood of it: docs/signatures.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vnfs/firewall/inspection/signature.h"

namespace millrace::firewall::inspection {

// What signatures write as $NAME.
struct SignatureVariables {
  std::map<std::string, AddressSpec> addresses;
  std::map<std::string, PortSpec> ports;
};

// What is private: RFC 1918, RFC 4193.
[[nodiscard]] AddressSpec private_addresses();
// HOME_NET is what is given, servers are there, and EXTERNAL_NET is all that HOME_NET does not name: anything
// when that is anything. Ports are those that Suricata's own configuration has.
[[nodiscard]] SignatureVariables default_variables(const AddressSpec& home = private_addresses());

// A signature that is not in force, and why.
struct Skipped {
  std::uint32_t line = 0;
  std::uint32_t sid = 0;  // 0 when it could not be read
  std::string keyword;    // that is not understood, or used wrongly; or empty
  std::string reason;     // what is wrong, and what would be right
};

struct SignatureFile {
  std::vector<Signature> signatures;
  std::vector<Skipped> skipped;
};

// A signature with anything that is not understood is skipped as a whole. Of those with the same gid and sid
// the highest revision holds. Takes any bytes.
[[nodiscard]] SignatureFile read_signatures(std::string_view text, const SignatureVariables& variables);

}  // namespace millrace::firewall::inspection
