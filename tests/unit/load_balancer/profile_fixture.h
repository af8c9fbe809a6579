// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the load balancer's profile share.
#pragma once

#include <ostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/control/profile/section.h"
#include "vnfs/load_balancer/profile.h"

namespace millrace::load_balancer::profile {

// Lines 1 to 12; what a test adds starts at line 13, within the section.
inline const std::string kHead =
    "vnf: load_balancer\n"
    "name: lb\n"
    "ports:\n"
    "  p: {device: \"0000:00:05.0\"}\n"
    "  q: {device: \"0000:00:06.0\"}\n"
    "interfaces:\n"
    "  front: {port: p, address: [198.51.100.2/24, \"2001:db8:1::2/64\"]}\n"
    "  back: {port: q, address: [10.0.0.1/24, \"2001:db8:2::1/64\"]}\n"
    "  blue: {port: q, vlan: 7, address: [10.0.0.1/24], domain: blue}\n"
    "routes:\n"
    "  - {to: 10.1.0.0/16, via: 10.0.0.254}\n"
    "load_balancer:\n";

inline control::Checked<Whole> parse_section(const std::string& text) {
  return control::parse_profile(schema(), kHead + text, "lb.yaml", control::no_files());
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
  EXPECT_THAT(loaded.error().to_string(), ::testing::StartsWith("lb.yaml:" + std::string(bad.where) + ": "));
  EXPECT_THAT(loaded.error().to_string(), ::testing::HasSubstr(bad.what));
}

}  // namespace millrace::load_balancer::profile
