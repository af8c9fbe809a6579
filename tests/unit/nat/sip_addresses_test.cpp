// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/sip_addresses.h"

#include <gtest/gtest.h>

#include "tests/unit/nat/sip_messages.h"

namespace millrace::nat::sip {
namespace {

// A request with one more field.
std::string with_field(std::string_view field) {
  return replaced(kAck, "Content-Length", std::string(field) + "\r\nContent-Length");
}
// The same once it has gone out, but for that field.
std::string passed_with_field(std::string_view field) {
  return replaced(outward(kAck), "Content-Length", std::string(field) + "\r\nContent-Length");
}

struct FieldCase {
  std::string_view name;
  std::string_view before;
  std::string_view after;
};
void PrintTo(const FieldCase& one, std::ostream* out) { *out << one.name; }

class SipField : public ::testing::TestWithParam<FieldCase> {};

TEST_P(SipField, IsRewrittenOutward) {
  EXPECT_EQ(outward(with_field(GetParam().before)), passed_with_field(GetParam().after));
}

INSTANTIATE_TEST_SUITE_P(
    All, SipField,
    ::testing::Values(
        FieldCase{"OtherPort", "Contact: <sip:a@10.0.0.5:5062>", "Contact: <sip:a@10.0.0.5:5062>"},
        FieldCase{"LongerAddress", "Contact: <sip:a@10.0.0.51>", "Contact: <sip:a@10.0.0.51>"},
        FieldCase{"NameThatBeginsSo", "Contact: <sip:a@10.0.0.5.example.com>",
                  "Contact: <sip:a@10.0.0.5.example.com>"},
        FieldCase{"User", "Contact: <sip:10.0.0.5@192.0.2.1>", "Contact: <sip:10.0.0.5@192.0.2.1>"},
        FieldCase{"UserWithMarks", "Contact: <sip:a;b=10.0.0.5?x,y@10.0.0.5>",
                  "Contact: <sip:a;b=10.0.0.5?x,y@203.0.113.7:40001>"},
        FieldCase{"Several",
                  "Contact: <sip:a@10.0.0.5>;q=0.7, \"B, b\" "
                  "<sip:b@10.0.0.5:5060;transport=udp>,sip:c@10.0.0.5;expires=9",
                  "Contact: <sip:a@203.0.113.7:40001>;q=0.7, \"B, b\" "
                  "<sip:b@203.0.113.7:40001;transport=udp>,sip:c@203.0.113.7:40001;expires=9"},
        FieldCase{"Star", "Contact: *", "Contact: *"},
        FieldCase{"OtherScheme", "Contact: <tel:10.0.0.5>, <mailto:a@10.0.0.5>",
                  "Contact: <tel:10.0.0.5>, <mailto:a@10.0.0.5>"},
        FieldCase{"QuoteWithoutEnd", "Contact: \"a <sip:a@10.0.0.5>", "Contact: \"a <sip:a@10.0.0.5>"},
        FieldCase{"BracketWithoutEnd", "Contact: <sip:a@10.0.0.5", "Contact: <sip:a@10.0.0.5"},
        FieldCase{"PortZero", "Contact: <sip:a@10.0.0.5:0>", "Contact: <sip:a@10.0.0.5:0>"},
        FieldCase{"PortTooHigh", "Contact: <sip:a@10.0.0.5:70596>", "Contact: <sip:a@10.0.0.5:70596>"},
        FieldCase{"PortNegative", "Contact: <sip:a@10.0.0.5:-5060>", "Contact: <sip:a@10.0.0.5:-5060>"},
        FieldCase{"OctalAddress", "Contact: <sip:a@010.0.0.5>", "Contact: <sip:a@010.0.0.5>"},
        FieldCase{"LargeAddress", "Contact: <sip:a@266.0.0.5>", "Contact: <sip:a@266.0.0.5>"},
        FieldCase{"ShortAddress", "Contact: <sip:a@10.5>", "Contact: <sip:a@10.5>"},
        FieldCase{"Ipv6", "Contact: <sip:a@[2001:db8::10.0.0.5]>", "Contact: <sip:a@[2001:db8::10.0.0.5]>"},
        FieldCase{"RecordRoute", "Record-Route: <sip:10.0.0.5;lr>,<sip:192.0.2.9;lr>",
                  "Record-Route: <sip:203.0.113.7:40001;lr>,<sip:192.0.2.9;lr>"},
        FieldCase{"Route", "Route: <sip:10.0.0.5:5060;lr>", "Route: <sip:203.0.113.7:40001;lr>"},
        FieldCase{"TwoVias", "Via: SIP/2.0/UDP 192.0.2.1, SIP/2.0/UDP 10.0.0.5;rport",
                  "Via: SIP/2.0/UDP 192.0.2.1, SIP/2.0/UDP 203.0.113.7:40001;rport"},
        FieldCase{"ViaByName", "Via: SIP/2.0/UDP pc33.example.com:5060;received=10.0.0.5",
                  "Via: SIP/2.0/UDP pc33.example.com:5060;received=10.0.0.5"},
        FieldCase{"ViaOfAnotherVersion", "Via: SIP/3.0/UDP 10.0.0.5", "Via: SIP/3.0/UDP 10.0.0.5"},
        FieldCase{"OtherField", "Subject: <sip:10.0.0.5>", "Subject: <sip:10.0.0.5>"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(SipAddresses, ThePortIsWrittenOnlyWhenItMustBe) {
  OneHost host;
  host.outside_port = 5060;
  const std::string text = pass(kInvite, Way::kOutward, host).text;
  EXPECT_NE(text.find("Via: SIP/2.0/UDP 203.0.113.7:5060;"), std::string::npos) << text;
  EXPECT_NE(text.find("Contact: <sip:alice@203.0.113.7>\r\n"), std::string::npos) << text;
}

TEST(SipAddresses, AnIdentityWithAPortIsAnEnd) {
  EXPECT_EQ(outward(replaced(kAck, "alice@10.0.0.5>", "alice@10.0.0.5:5060>")),
            replaced(outward(kAck), "alice@203.0.113.7>", "alice@203.0.113.7:40001>"));
  const std::string other = replaced(kAck, "alice@10.0.0.5>", "alice@10.0.0.5:5099>");
  EXPECT_NE(outward(other).find("<sip:alice@10.0.0.5:5099>"), std::string::npos);
}

// RFC 3581 section 4.
TEST(SipAddresses, WhereOurRequestWasSeenComesBackAsTheInsideEnd) {
  const auto with_via = [](std::string_view via) {
    return replaced(kRinging, "203.0.113.7:40001;branch=z9hG4bK74bf9;received=203.0.113.7", via);
  };
  EXPECT_EQ(inward(with_via("203.0.113.7:40001;rport=40001;received=203.0.113.7;branch=1")),
            inward(with_via("10.0.0.5:5060;rport=5060;received=10.0.0.5;branch=1")));
  EXPECT_NE(
      inward(with_via("203.0.113.7:40001;rport=40001;branch=1")).find("10.0.0.5:5060;rport=5060;branch=1"),
      std::string::npos);
  EXPECT_NE(inward(with_via("pc33.example.com;received=203.0.113.7;rport=40001"))
                .find("pc33.example.com;received=10.0.0.5;rport=5060"),
            std::string::npos);
  for (const std::string_view foreign :
       {"pc33.example.com;received=203.0.113.7;rport=40002",
        "192.0.2.4:40001;received=203.0.113.77;rport=40001", "pc33.example.com;rport=40001",
        "pc33.example.com;received=203.0.113.7"})
    EXPECT_NE(inward(with_via(foreign)).find(foreign), std::string::npos) << foreign;
}

}  // namespace
}  // namespace millrace::nat::sip
