// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the NAT gateway's profile share.
#pragma once

#include <ostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/control/profile/section.h"
#include "vnfs/nat/profile.h"

namespace millrace::nat::profile {

// Lines 1 to 13; what a test adds starts at line 14, within the section.
inline const std::string kHead =
    "vnf: nat\n"
    "name: gw\n"
    "ports:\n"
    "  p: {device: \"0000:00:05.0\"}\n"
    "  q: {device: \"0000:00:06.0\"}\n"
    "interfaces:\n"
    "  trust: {port: p, address: [192.0.2.1/24, \"2001:db8:1::1/64\"]}\n"
    "  tenant: {port: p, vlan: 7, address: [10.7.0.1/24], domain: tenant7}\n"
    "  untrust: {port: q, address: [198.51.100.2/24]}\n"
    "  spare: {port: q, vlan: 9}\n"
    "nat:\n"
    "  inside: [trust, tenant]\n"
    "  outside: untrust\n";

inline control::Checked<Whole> parse_section(const std::string& text) {
  return control::parse_profile(schema(), kHead + text, "nat.yaml", control::no_files());
}

struct Bad {
  const char* text;   // after kHead
  const char* where;  // of the only error
  const char* what;
};

inline void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.text; }

inline void expect_one_error(const Bad& bad) {
  const auto loaded = parse_section(bad.text);
  ASSERT_FALSE(loaded);
  ASSERT_THAT(loaded.error().entries(), ::testing::SizeIs(1)) << loaded.error().to_string();
  EXPECT_THAT(loaded.error().to_string(), ::testing::StartsWith("nat.yaml:" + std::string(bad.where) + ": "));
  EXPECT_THAT(loaded.error().to_string(), ::testing::HasSubstr(bad.what));
}

}  // namespace millrace::nat::profile
