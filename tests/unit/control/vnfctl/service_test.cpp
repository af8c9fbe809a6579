// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/service.h"

#include <boost/json.hpp>

#include <gtest/gtest.h>

namespace millrace::vnfctl {
namespace {

std::string described(std::string_view service) {
  boost::json::object packet;
  const auto wrong = describe_service(service, packet);
  return wrong ? "wrong" : boost::json::serialize(packet);
}

TEST(Service, IsWhatTheApiTakes) {
  EXPECT_EQ(described("tcp/80"), R"({"protocol":"tcp","destination_port":80})");
  EXPECT_EQ(described("17/53"), R"({"protocol":"udp","destination_port":53})");
  EXPECT_EQ(described("icmp"), R"({"protocol":"icmp"})");
  EXPECT_EQ(described("icmp/3/4"), R"({"protocol":"icmp","icmp_type":3,"icmp_code":4})");
  EXPECT_EQ(described("esp"), R"({"protocol":"esp"})");
  EXPECT_EQ(described("253"), R"({"protocol":"253"})");
}

TEST(Service, WhatCannotBeMeantIsWrong) {
  for (const char* text : {"", "http", "tcp", "tcp/", "tcp/65536", "tcp/80/1", "tcp/-1", "icmp/256",
                           "icmp/1/2/3", "esp/1", "256", "/80"}) {
    EXPECT_EQ(described(text), "wrong") << text;
  }
}

}  // namespace
}  // namespace millrace::vnfctl
