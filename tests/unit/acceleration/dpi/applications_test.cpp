// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/applications.h"

#include <algorithm>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::dpi {
namespace {

TEST(Applications, HaveTheNamesThatRulesUse) {
  for (const char* name :
       {"tls",  "http",  "ssh",     "quic",      "dns", "bittorrent", "youtube", "smtp",
        "ftp",  "sip",   "rtp",     "telnet",    "ntp", "dhcp",       "snmp",    "ldap",
        "rdp",  "mysql", "openvpn", "wireguard", "tor", "whatsapp",   "netflix", "facebook",
        "dtls", "stun",  "mqtt",    "modbus",    "imap"}) {
    EXPECT_TRUE(application_named(name)) << name;
  }
}

TEST(Applications, EveryNameIsPlainAndLeadsBackToItself) {
  const auto names = application_names();
  EXPECT_GT(names.size(), 250U);
  EXPECT_TRUE(std::ranges::is_sorted(names));
  std::set<ApplicationId> ids;
  const std::regex plain("[a-z0-9]+(_[a-z0-9]+)*");
  for (const auto& name : names) {
    EXPECT_TRUE(std::regex_match(name, plain)) << name;
    const auto id = application_named(name);
    ASSERT_TRUE(id) << name;
    EXPECT_NE(*id, ApplicationId::kUnknown);
    EXPECT_EQ(application_name(*id), name);
    ids.insert(*id);
  }
  EXPECT_EQ(ids.size(), names.size());
}

TEST(Applications, AreNamedInAnyCaseAndWithHyphens) {
  EXPECT_EQ(application_named("TLS"), application_named("tls"));
  EXPECT_EQ(application_named("ftp-control"), application_named("ftp_control"));
  EXPECT_EQ(application_named("ftp"), application_named("ftp_control"));
}

TEST(Applications, UnknownIsNoName) {
  EXPECT_EQ(application_named("unknown"), std::nullopt);
  EXPECT_EQ(application_named(""), std::nullopt);
  EXPECT_EQ(application_named("no such thing"), std::nullopt);
  EXPECT_EQ(application_name(ApplicationId::kUnknown), "unknown");
  EXPECT_EQ(application_name(ApplicationId{65535}), "unknown");
}

TEST(Applications, ARuleMatchesEitherOfThePair) {
  const auto tls = *application_named("tls");
  const auto youtube = *application_named("youtube");
  const auto http = *application_named("http");
  const Application found{tls, youtube};
  EXPECT_TRUE(matches(found, tls));
  EXPECT_TRUE(matches(found, youtube));
  EXPECT_FALSE(matches(found, http));
  EXPECT_FALSE(matches(found, ApplicationId::kUnknown));
  EXPECT_FALSE(matches({}, ApplicationId::kUnknown));
  EXPECT_FALSE(matches({}, tls));
  EXPECT_EQ(application_text(found), "tls/youtube");
  EXPECT_EQ(application_text({tls, {}}), "tls");
  EXPECT_EQ(application_text({}), "unknown");
}

}  // namespace
}  // namespace millrace::dpi
