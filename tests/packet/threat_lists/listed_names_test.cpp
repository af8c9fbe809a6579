// SPDX-License-Identifier: BSD-3-Clause
// What sessions that are looked into ask for: names, URLs and hashes that are listed.
#include "tests/packet/inspection/inspection_bed.h"
#include "tests/packet/threat_lists/list_bed.h"
#include "tests/support/quic_packets.h"
#include "tests/support/tls_bytes.h"

namespace millrace::testing {
namespace {

const ListSpec kBadDomains{"bad.example\n=alone.example\n192.0.2.7\n", ListAction::kDrop, ListKind::kDomain};
const ListSpec kBadUrls{"http://files.example/evil.exe\nhttp://files.example:8080/dir/*\n", ListAction::kDrop,
                        ListKind::kUrl};
const ListSpec kAnyNamed{"files.example\n", ListAction::kAlert, ListKind::kDomain, 3};

std::string text_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

std::string get(const std::string& host, const std::string& target = "/", const std::string& rest = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + rest + "\r\n";
}
std::string hello_to(const std::string& name) {
  return tls_record(22, tls_client_hello(tls_server_name(name)), 0x0301);
}
std::string query_for(std::initializer_list<std::string_view> labels) {
  std::string name;
  for (const std::string_view label : labels) name += counted(label, 1);
  return pairs({0x1234, 0x0100, 1, 0, 0, 0}) + name + std::string(1, '\0') + pairs({1, 1});
}

struct Wanted {
  std::vector<ListSpec> lists;
  std::string signatures = "# none";
};

std::function<void(Policy&)> policy_of(const Wanted& wanted, unsigned workers) {
  return [lists = wanted.lists,
          inspect = InspectionBed::by({.signatures = wanted.signatures}, workers)](Policy& policy) {
    inspect(policy);
    add_lists(policy, lists);
  };
}

// A connection that is open, to a server's port, in every shape.
void for_each_named(const Wanted& wanted, std::uint16_t server_port,
                    const std::function<void(InspectionBed&)>& body) {
  for_each_shape([&](const Shape& shape) {
    InspectionBed bed(shape, {.signatures = wanted.signatures}, Forwarding::kRouted, inspection_limits(),
                      server_port);
    bed.bed.publish(policy_of(wanted, shape.workers));
    bed.open();
    body(bed);
  });
}

// The whole text in one segment: whether it reached the server.
bool passes(InspectionBed& bed, const std::string& text) {
  bed.client_says(0, text);
  return bed.reached_server() == 1;
}

TEST(ListedNames, ServerNamesOfTls) {
  for (const char* name : {"bad.example", "www.bad.example", "WWW.Bad.EXAMPLE", "alone.example"}) {
    for_each_named({{kBadDomains}}, 443, [&](InspectionBed& bed) {
      EXPECT_FALSE(passes(bed, hello_to(name)));
      EXPECT_EQ(bed.bed.dropped(Drop::kThreatList), 1U);
      EXPECT_EQ(hits_of(bed.bed, 0), 1U);
      const auto events = bed.events();
      ASSERT_EQ(events.size(), 1U);
      EXPECT_EQ(events[0].kind, EventKind::kListed);
      EXPECT_EQ(events[0].list_kind, ListKind::kDomain);
      EXPECT_EQ(events[0].outcome, Outcome::kBlocked);
      EXPECT_EQ(events[0].speech, inspection::Speech::kTls);
      EXPECT_EQ(text_of(events[0].host.view()), name);
      EXPECT_NE(events[0].session, 0U);
      // Nothing of the session passes from here on.
      bed.client_says(0, "anything else");
      EXPECT_EQ(bed.reached_server(), 0U);
      EXPECT_EQ(bed.bed.dropped(Drop::kInspectionBlocked), 1U);
    });
  }
  for (const char* name : {"good.example", "notbad.example", "bad.example.org", "www.alone.example"}) {
    for_each_named({{kBadDomains}}, 443, [&](InspectionBed& bed) {
      EXPECT_TRUE(passes(bed, hello_to(name))) << name;
      EXPECT_TRUE(bed.events().empty());
    });
  }
}

TEST(ListedNames, ANameInPiecesDoesNotPassWhole) {
  for_each_named({{kBadDomains}}, 443, [](InspectionBed& bed) {
    const std::string hello = hello_to("www.bad.example");
    for (std::size_t i = 0; i < hello.size(); ++i)
      bed.client_says(static_cast<std::uint32_t>(i), hello.substr(i, 1));
    EXPECT_LT(bed.server_reads(false).size(), hello.size());
    EXPECT_EQ(hits_of(bed.bed, 0), 1U);
    EXPECT_EQ(bed.events().size(), 1U);
  });
}

TEST(ListedNames, HostsOfHttp) {
  for (const char* host : {"bad.example", "a.bad.example:8080", "BAD.example.", "192.0.2.7"}) {
    for_each_named({{kBadDomains}}, 80, [&](InspectionBed& bed) {
      EXPECT_FALSE(passes(bed, get(host))) << host;
      EXPECT_EQ(bed.bed.dropped(Drop::kThreatList), 1U);
      const auto events = bed.events();
      ASSERT_EQ(events.size(), 1U);
      EXPECT_EQ(text_of(events[0].host.view()), host);
      EXPECT_EQ(text_of(events[0].target.view()), "/");
      EXPECT_EQ(text_of(events[0].method.view()), "GET");
    });
  }
  // What a proxy is asked for.
  for (const char* head : {"GET http://bad.example/ HTTP/1.1\r\nHost: good.example\r\n\r\n",
                           "GET http://user@bad.example:80?q HTTP/1.1\r\nHost: bad.example\r\n\r\n",
                           "CONNECT www.bad.example:443 HTTP/1.1\r\nHost: www.bad.example:443\r\n\r\n"}) {
    for_each_named({{kBadDomains}}, 80, [&](InspectionBed& bed) { EXPECT_FALSE(passes(bed, head)) << head; });
  }
  for_each_named({{kBadDomains}}, 80, [&](InspectionBed& bed) {
    EXPECT_TRUE(passes(bed, get("good.example", "/bad.example", "Referer: http://bad.example/\r\n")));
  });
}

TEST(ListedNames, EachRequestOfAConnectionIsLookedUpOnce) {
  for_each_named({{kBadDomains, kAnyNamed}}, 80, [](InspectionBed& bed) {
    const std::string first = get("files.example", "/", "Content-Length: 40\r\n");
    std::uint32_t at = 0;
    const auto says = [&](const std::string& text) {
      bed.client_says(at, text);
      at += static_cast<std::uint32_t>(text.size());
      return bed.reached_server();
    };
    EXPECT_EQ(says(first), 1U);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(says(std::string(10, 'x')), 1U);
    EXPECT_EQ(hits_of(bed.bed, 1), 1U);
    EXPECT_EQ(says(get("files.example")), 1U);
    EXPECT_EQ(hits_of(bed.bed, 1), 2U);
    for (const auto& event : bed.events()) {
      EXPECT_EQ(event.outcome, Outcome::kAllowed);
      EXPECT_EQ(event.severity, 3);
      EXPECT_EQ(event.list_slot, kFirstListSlot + 1);
    }
    EXPECT_EQ(says(get("other.bad.example")), 0U);
    EXPECT_EQ(hits_of(bed.bed, 0), 1U);
  });
}

TEST(ListedNames, UrlsAreHostAndPath) {
  const Wanted wanted{{kBadUrls}};
  for (const auto& [host, target] :
       std::vector<std::pair<const char*, const char*>>{{"files.example", "/evil.exe"},
                                                        {"FILES.example:80", "/evil.exe"},
                                                        {"files.example", "/%65vil.exe"},
                                                        {"files.example", "/a/../evil.exe"},
                                                        {"files.example", "http://files.example/evil.exe"},
                                                        {"files.example:8080", "/dir/any?q=1"}}) {
    for_each_named(wanted, 80, [&, host = host, target = target](InspectionBed& bed) {
      EXPECT_FALSE(passes(bed, get(host, target))) << host << target;
      const auto events = bed.events();
      ASSERT_EQ(events.size(), 1U);
      EXPECT_EQ(events[0].list_kind, ListKind::kUrl);
    });
  }
  for (const auto& [host, target] :
       std::vector<std::pair<const char*, const char*>>{{"files.example", "/"},
                                                        {"files.example", "/evil.exe?x"},
                                                        {"files.example", "/Evil.exe"},
                                                        {"www.files.example", "/evil.exe"},
                                                        {"files.example", "/dir/any"},
                                                        {"files.example:8080", "/dir"}}) {
    for_each_named(wanted, 80, [&, host = host, target = target](InspectionBed& bed) {
      EXPECT_TRUE(passes(bed, get(host, target))) << host << target;
    });
  }
}

TEST(ListedNames, QueriesOfDns) {
  for_each_shape([](const Shape& shape) {
    InspectionBed bed(shape, {.signatures = "# none"});
    bed.bed.publish(policy_of({{kBadDomains}}, shape.workers));
    const auto asks = [&](std::uint16_t port, const std::string& query) {
      bed.client_sends(bed.bed.from_client().udp(port, 53).payload(query));
      return !bed.bed.sent(kOut).empty();
    };
    EXPECT_TRUE(asks(1000, query_for({"good", "example"})));
    EXPECT_FALSE(asks(1000, query_for({"www", "Bad", "example"})));
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].speech, inspection::Speech::kDns);
    EXPECT_EQ(text_of(events[0].host.view()), "www.Bad.example");
    EXPECT_FALSE(asks(1000, query_for({"good", "example"})));  // of the same session
    EXPECT_TRUE(asks(1001, query_for({"good", "example"})));
    EXPECT_EQ(bed.bed.dropped(Drop::kThreatList), 1U);
    EXPECT_EQ(bed.bed.dropped(Drop::kInspectionBlocked), 1U);
  });
  for_each_named({{kBadDomains}}, 53, [](InspectionBed& bed) {
    const std::string good = counted(query_for({"good", "example"}), 2);
    bed.client_says(0, good);
    EXPECT_EQ(bed.reached_server(), 1U);
    bed.client_says(static_cast<std::uint32_t>(good.size()), counted(query_for({"bad", "example"}), 2));
    EXPECT_EQ(bed.reached_server(), 0U);
  });
}

TEST(ListedNames, ServerNamesOfQuic) {
  for_each_shape([](const Shape& shape) {
    InspectionBed bed(shape, {.signatures = "# none"});
    bed.bed.publish(policy_of({{kBadDomains}}, shape.workers));
    const auto opens = [&](std::uint16_t port, const std::string& name) {
      const std::string hello = tls_client_hello(tls_server_name(name));
      bed.client_sends(bed.bed.from_client().udp(port, 443).payload(
          QuicSealer(1, "11111111").initial(QuicSealer::crypto(0, hello), 0)));
      return !bed.bed.sent(kOut).empty();
    };
    EXPECT_TRUE(opens(1000, "good.example"));
    EXPECT_FALSE(opens(1001, "www.bad.example"));
    EXPECT_EQ(bed.bed.dropped(Drop::kThreatList), 1U);
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].speech, inspection::Speech::kQuic);
    EXPECT_EQ(text_of(events[0].host.view()), "www.bad.example");
  });
}

// MD5 of "771,4865-49199,0,,".
TEST(ListedNames, HashesOfTlsClients) {
  const ListSpec listed{"349640B9e304f8ea23a8e0f71dde2248\n", ListAction::kDrop, ListKind::kJa3};
  for_each_named({{listed}}, 443, [](InspectionBed& bed) {
    EXPECT_FALSE(passes(bed, hello_to("good.example")));
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].list_kind, ListKind::kJa3);
    EXPECT_EQ(text_of(events[0].ja3.view()), "349640b9e304f8ea23a8e0f71dde2248");
    EXPECT_EQ(text_of(events[0].host.view()), "good.example");
  });
  for_each_named({{listed}}, 443, [](InspectionBed& bed) {
    EXPECT_TRUE(passes(
        bed, tls_record(22, tls_client_hello(tls_server_name("good.example"), {0x1301, 0xc030}), 0x0301)));
  });
}

TEST(ListedNames, RejectTellsBothSides) {
  ListSpec rejecting = kBadDomains;
  rejecting.action = ListAction::kReject;
  for_each_named({{rejecting}}, 80, [](InspectionBed& bed) {
    bed.client_says(0, get("bad.example"));
    const std::size_t l4 = bed.ipv6 ? 54 : 34;
    const Frame to_server = bed.bed.sent_one(kOut);
    ASSERT_GT(to_server.size(), l4 + 13);
    EXPECT_EQ(to_server[l4 + 13], 0x14);  // RST, ACK
    const Frame to_client = bed.bed.sent_one(kIn);
    ASSERT_GT(to_client.size(), l4 + 13);
    EXPECT_EQ(to_client[l4 + 13] & 0x04, 0x04);
    EXPECT_EQ(bed.bed.dropped(Drop::kThreatList), 0U);  // the segment left, as a reset
  });
  for_each_shape([&](const Shape& shape) {
    InspectionBed bed(shape, {.signatures = "# none"});
    bed.bed.publish(policy_of({{rejecting}}, shape.workers));
    bed.client_sends(bed.bed.from_client().udp(1000, 53).payload(query_for({"bad", "example"})));
    EXPECT_TRUE(bed.bed.sent(kOut).empty());
    EXPECT_EQ(bed.bed.sent(kIn).size(), 1U);
    EXPECT_EQ(bed.bed.dropped(Drop::kThreatList), 1U);
  });
}

TEST(ListedNames, SessionsThatNobodyLooksIntoAreNotLookedUp) {
  for_each_shape([](const Shape& shape) {
    ListBed bed(shape, {kBadDomains});
    EXPECT_EQ(bed.goes_through(kIn, bed.from_client().udp(1000, 53).payload(query_for({"bad", "example"}))),
              1U);
    EXPECT_EQ(bed.hits(0), 0U);
  });
}

TEST(ListedNames, SignaturesDoNotStandInTheWay) {
  const std::string passing = "pass http any any -> any any (content:\"GET\"; http_method; sid:1;)";
  for_each_named({{kBadDomains}, passing}, 80, [](InspectionBed& bed) {
    EXPECT_FALSE(passes(bed, get("bad.example")));
    EXPECT_EQ(bed.bed.dropped(Drop::kThreatList), 1U);
    bed.client_says(0, get("bad.example"));
    EXPECT_EQ(bed.reached_server(), 0U);
  });
  // Each of both tells what it found.
  const std::string dropping = "drop http any any -> any any (content:\"/x\"; http_uri; sid:1;)";
  for_each_named({{kBadDomains}, dropping}, 80, [](InspectionBed& bed) {
    EXPECT_FALSE(passes(bed, get("bad.example", "/x")));
    EXPECT_EQ(bed.events().size(), 2U);
    EXPECT_EQ(bed.matches(), 1U);
  });
  for_each_named({{kAnyNamed}, dropping}, 80, [](InspectionBed& bed) {
    EXPECT_FALSE(passes(bed, get("files.example", "/x")));
    EXPECT_EQ(bed.bed.dropped(Drop::kInspectionMatch), 1U);
  });
}

TEST(ListedNames, AListThatComesIntoForceHoldsForTheNextRequest) {
  for_each_named({{kBadDomains}}, 80, [](InspectionBed& bed) {
    const std::string request = get("later.example");
    const auto size = static_cast<std::uint32_t>(request.size());
    bed.client_says(0, request);
    EXPECT_EQ(bed.reached_server(), 1U);
    const ListSpec later{"later.example\n", ListAction::kDrop, ListKind::kDomain};
    bed.bed.publish(policy_of({{kBadDomains, later}}, bed.bed.workers()));
    bed.client_says(size, "GET / HTTP/1.1\r\n");
    EXPECT_EQ(bed.reached_server(), 1U);
    bed.client_says(size + 16, "Host: later.example\r\n\r\n");
    EXPECT_EQ(bed.reached_server(), 0U);
    EXPECT_EQ(hits_of(bed.bed, 1), 1U);
    EXPECT_EQ(bed.bed.dropped(Drop::kThreatList), 1U);
  });
}

}  // namespace
}  // namespace millrace::testing
