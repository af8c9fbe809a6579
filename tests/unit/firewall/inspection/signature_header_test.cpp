// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_header.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/read_signature.h"

namespace millrace::firewall::inspection {
namespace {

TEST(SignatureHeader, Header) {
  const Signature signature =
      one("", "drop udp [10.0.0.0/8,!10.1.0.0/16] 1024: <> !192.0.2.1 [53,!54,80:90,!85] (");
  EXPECT_EQ(signature.response, Response::kDrop);
  EXPECT_EQ(signature.protocol, 17);
  EXPECT_TRUE(signature.both_ways);
  EXPECT_EQ(signature.source.within.at(0).to_string(), "10.0.0.0/8");
  EXPECT_EQ(signature.source.except.at(0).to_string(), "10.1.0.0/16");
  EXPECT_EQ(signature.destination.within.size(), 0U);
  EXPECT_EQ(signature.destination.except.at(0).to_string(), "192.0.2.1/32");
  EXPECT_EQ(signature.source_ports, (PortSpec{{1024, 65'535}}));
  EXPECT_EQ(signature.destination_ports, (PortSpec{{53, 53}, {80, 84}, {86, 90}}));
}

TEST(SignatureHeader, VariablesAndTheirOpposite) {
  const Signature out = one("", "alert tcp $HOME_NET any -> $EXTERNAL_NET $HTTP_PORTS (");
  EXPECT_EQ(out.source.within.size(), 4U);
  EXPECT_EQ(out.destination.within.size(), 0U);
  EXPECT_EQ(out.destination.except, out.source.within);
  EXPECT_EQ(out.destination_ports, (PortSpec{{80, 80}}));
  const Signature in = one("", "alert tcp !$HOME_NET !80 -> !$EXTERNAL_NET any (");
  EXPECT_EQ(in.source.except, out.source.within);
  EXPECT_EQ(in.destination.within, out.source.within);
  EXPECT_EQ(in.source_ports, (PortSpec{{0, 79}, {81, 65'535}}));
  EXPECT_EQ(in.destination_ports, PortSpec{});
  EXPECT_EQ(none("", "alert tcp $NOBODY any -> any any (").keyword, "$NOBODY");
  EXPECT_EQ(one("", "alert tcp 192.0.2.77/24 any -> any any (").source.within.at(0).to_string(),
            "192.0.2.0/24");
}

Signature with(const std::string& head) { return one("", "alert " + head + " ("); }
Skipped without(const std::string& head) { return none("", "alert " + head + " ("); }

TEST(SignatureHeader, ExternalIsWhatHomeIsNot) {
  const auto source_of = [](const AddressSpec& home, const std::string& name) {
    const SignatureFile file =
        read_signatures("alert tcp " + name + " any -> any any (sid:1;)", default_variables(home));
    return file.signatures.empty() ? AddressSpec{} : file.signatures[0].source;
  };
  const std::vector some{*net::Prefix::parse("203.0.113.0/24")};
  const AddressSpec within{.within = some, .except = {}};
  const AddressSpec except{.within = {}, .except = some};
  EXPECT_EQ(source_of(within, "$HOME_NET"), within);
  EXPECT_EQ(source_of(within, "$EXTERNAL_NET"), except);
  EXPECT_EQ(source_of(within, "$HTTP_SERVERS"), within);
  EXPECT_EQ(source_of(except, "$EXTERNAL_NET"), within);
  EXPECT_EQ(default_variables({}).addresses.at("EXTERNAL_NET"), AddressSpec{}) << "of anything, anything";
}

TEST(SignatureHeader, ListsOfAddresses) {
  const Signature any = with("tcp [any,10.0.0.1] any -> [10.0.0.0/8,[!10.1.0.0/16,192.0.2.1]] any");
  EXPECT_EQ(any.source, AddressSpec{}) << "any and one more is any";
  EXPECT_EQ(any.destination.within.size(), 2U);
  EXPECT_EQ(any.destination.except.size(), 1U);
  EXPECT_EQ(with("tcp ![10.0.0.1,!10.0.0.2] any -> any any").source.within.at(0).to_string(), "10.0.0.2/32");
  EXPECT_EQ(without("tcp [10.1.0.1,!10.0.0.0/8] any -> any any").keyword, "[10.1.0.1,!10.0.0.0/8]");
  EXPECT_EQ(without("tcp [$HOME_NET,!$HOME_NET] any -> any any").keyword, "[$HOME_NET,!$HOME_NET]");
  EXPECT_EQ(without("tcp [any,!any] any -> any any").keyword, "[any,!any]");
  EXPECT_EQ(without("tcp any any -> !any any").keyword, "!any");
  EXPECT_EQ(without("tcp any any -> [10.0.0.1,] any").keyword, "[10.0.0.1,]");
  EXPECT_EQ(without("tcp any any -> 10.0.0.1/33 any").keyword, "10.0.0.1/33");
  EXPECT_EQ(without("tcp [[[[[[[[[10.0.0.1]]]]]]]]] any -> any any").reason, "brackets do not close");
}

TEST(SignatureHeader, Protocols) {
  EXPECT_EQ(with("ip any any -> any any").protocol, std::nullopt);
  EXPECT_EQ(with("icmp any any -> any any").protocol, 1);
  EXPECT_TRUE(with("tcp-pkt any any -> any any").flow.no_stream);
  EXPECT_TRUE(with("tcp-stream any any -> any any").flow.only_stream);
  EXPECT_EQ(with("smtp any any -> any any").speech, Speech::kSmtp);
  EXPECT_EQ(with("smtp any any -> any any").protocol, 6);
  const Signature dns = with("dns any any -> any any");
  EXPECT_EQ(dns.speech, Speech::kDns);
  EXPECT_EQ(dns.protocol, std::nullopt) << "over UDP and TCP";
  const Signature tls = with("tls any any -> any any");
  EXPECT_EQ(tls.speech, Speech::kTls);
  EXPECT_EQ(tls.protocol, std::nullopt) << "over TCP and within QUIC";
  const Signature quic = with("quic any any -> any any");
  EXPECT_EQ(quic.speech, Speech::kQuic);
  EXPECT_EQ(quic.protocol, 17);
  const Signature v6 = with("ipv6 any any -> 10.0.0.0/8 any");
  EXPECT_EQ(v6.source.within.at(0).to_string(), "::/0");
  EXPECT_EQ(with("ipv4 $HOME_NET any -> any any").source.within.size(), 3U);
  EXPECT_EQ(without("ipv6 10.0.0.1 any -> any any").keyword, "ipv6");
  EXPECT_EQ(without("pkthdr any any -> any any").keyword, "pkthdr");
  EXPECT_EQ(none("", "alarm tcp any any -> any any (").keyword, "alarm");
  EXPECT_EQ(without("tcp any any <- any any").keyword, "<-");
  EXPECT_EQ(without("tcp any any -> any").keyword, "");
}

TEST(SignatureHeader, Ports) {
  EXPECT_EQ(with("tcp any any -> any [80,any]").destination_ports, PortSpec{});
  EXPECT_EQ(with("tcp any any -> any [1:10,5:20,21,!8:9]").destination_ports, (PortSpec{{1, 7}, {10, 21}}));
  EXPECT_EQ(with("tcp any any -> any ![:1023,2000:]").destination_ports, (PortSpec{{1024, 1999}}));
  EXPECT_EQ(with("tcp any any -> any !1:65535").destination_ports, (PortSpec{{0, 0}}));
  for (const char* wrong : {"70000", "80:70", "x", ":", "!any", "[80,!80]", "[80:90,!1:100]", "80,81", "-1"})
    EXPECT_EQ(without("tcp any any -> any " + std::string(wrong)).keyword, wrong);
}

// Against a set of single ports.
TEST(SignatureHeader, PortsOfRandomLists) {
  std::mt19937 random(7);
  const auto upto = [&](unsigned most) { return static_cast<unsigned>(random() % (most + 1)); };
  for (int round = 0; round < 300; ++round) {
    std::set<unsigned> meant;
    std::set<unsigned> excepted;
    std::string text;
    for (unsigned i = 0, count = 1 + upto(5); i < count; ++i) {
      const bool negated = upto(2) == 0;
      const unsigned first = upto(30);
      const unsigned last = first + upto(6);
      text += (text.empty() ? "[" : ",") + std::string(negated ? "!" : "") + std::to_string(first) + ":" +
              std::to_string(last);
      for (unsigned port = first; port <= last; ++port) (negated ? excepted : meant).insert(port);
    }
    const auto spec = read_ports(text + "]", {});
    for (unsigned port = 0; port < 40; ++port) {
      const bool wanted = (meant.empty() || meant.contains(port)) && !excepted.contains(port);
      bool is = false;
      for (const Ports& range : spec.value_or(PortSpec{}))
        is = is || (range.first <= port && port <= range.last);
      ASSERT_EQ(is, wanted) << text << " " << port;
    }
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection
