// SPDX-License-Identifier: BSD-3-Clause
// What sessions say in TLS, QUIC, DNS, SSH and SMTP, judged before it passes.
#include <algorithm>
#include <initializer_list>

#include "tests/packet/inspection/inspection_bed.h"
#include "tests/support/quic_packets.h"
#include "tests/support/tls_bytes.h"
#include "vnfs/firewall/drops.h"

namespace millrace::testing {
namespace {

using inspection::EventKind;
using inspection::InspectionEvent;
using inspection::Outcome;
using inspection::Speech;

constexpr unsigned kHandshake = 22;

std::string name_in(const InspectionEvent& event) {
  const Bytes host = event.host.view();
  return {host.begin(), host.end()};
}

std::string hello_for(std::string_view name) { return tls_client_hello(tls_server_name(name)); }

// A query with these names, each of class IN and type A.
std::string dns_query(std::initializer_list<std::string_view> names) {
  std::string query = "id" + pairs({0x0100, static_cast<unsigned>(names.size()), 0, 0, 0});
  for (std::string_view name : names) {
    while (!name.empty()) {
      const std::string_view label = name.substr(0, name.find('.'));
      query += counted(label, 1);
      name.remove_prefix(std::min(label.size() + 1, name.size()));
    }
    query += std::string(1, '\0') + pairs({1, 1});
  }
  return query;
}

// The first packet of a client that opens a connection.
std::string quic_initial(std::string_view id, std::string_view name) {
  return QuicSealer(1, id).initial(QuicSealer::crypto(0, hello_for(name)), 0);
}

class DatagramBed : public InspectionBed {
 public:
  DatagramBed(const Shape& shape, const InspectionSpec& spec, std::uint16_t port)
      : InspectionBed(shape, spec, Forwarding::kRouted, inspection_limits(), port), port_(port) {}

  // How many frames come out at the other side.
  std::size_t sends(std::uint16_t from, std::string_view payload) {
    client_sends(bed.from_client().udp(from, port_).payload(payload));
    return reached_server();
  }

 private:
  std::uint16_t port_;
};

const InspectionSpec kBadName{
    .signatures = "drop tls any any -> any any (tls.sni; content:\"bad.example\"; endswith; sid:1;)"};

TEST(Speech, NameInATlsHelloThatIsCutEverywhere) {
  const std::string good = tls_record(kHandshake, hello_for("good.example"));
  const std::string bad = tls_records(kHandshake, hello_for("www.bad.example"), 20);
  for_each_routed_bed(kBadName, [&](InspectionBed& bed) {
    bed.client_says(0, good);
    EXPECT_EQ(bed.reached_server(), 1U);
    EXPECT_EQ(bed.matches(), 0U);
  });
  for_each_routed_bed(kBadName, [&](InspectionBed& bed) {
    for (std::size_t i = 0; i < bad.size(); ++i)
      bed.client_says(static_cast<std::uint32_t>(i), std::string_view(bad).substr(i, 1));
    EXPECT_EQ(bed.server_reads(false), bad.substr(0, bad.size() - 1));
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].speech, Speech::kTls);
    EXPECT_EQ(name_in(events[0]), "www.bad.example");
  });
}

TEST(Speech, NameInAQuicHello) {
  for_each_shape([&](const Shape& shape) {
    DatagramBed bed(shape, kBadName, 443);
    EXPECT_EQ(bed.sends(1, quic_initial("11111111", "good.example")), 1U);
    EXPECT_EQ(bed.sends(2, quic_initial("22222222", "bad.example")), 0U);
    EXPECT_EQ(bed.sends(2, "anything"), 0U);
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].speech, Speech::kQuic);
    EXPECT_EQ(events[0].outcome, Outcome::kBlocked);
    EXPECT_EQ(name_in(events[0]), "bad.example");
  });
}

// The server passes over the first, and answers the second.
TEST(Speech, QuicBehindADatagramThatIsNone) {
  for_each_shape([&](const Shape& shape) {
    DatagramBed bed(shape, kBadName, 443);
    EXPECT_EQ(bed.sends(1, dns_query({"good.example"})), 1U);
    EXPECT_EQ(bed.sends(1, std::string(1200, '\xc3')), 1U);
    EXPECT_EQ(bed.sends(1, quic_initial("11111111", "bad.example")), 0U);
  });
}

TEST(Speech, SecondQuicConnectionOfASession) {
  for_each_shape([&](const Shape& shape) {
    DatagramBed bed(shape, kBadName, 443);
    EXPECT_EQ(bed.sends(1, quic_initial("11111111", "good.example")), 1U);
    EXPECT_EQ(bed.sends(1, quic_initial("22222222", "bad.example")), 0U);
  });
}

TEST(Speech, QuicHelloInPieces) {
  const std::string hello = hello_for("bad.example");
  const QuicSealer sealer(1, "11111111");
  for_each_shape([&](const Shape& shape) {
    DatagramBed bed(shape, kBadName, 443);
    EXPECT_EQ(bed.sends(1, sealer.initial(QuicSealer::crypto(40, hello.substr(40)), 1)), 1U);
    EXPECT_EQ(bed.sends(1, sealer.initial(QuicSealer::crypto(0, hello.substr(0, 40)), 0)), 0U);
    EXPECT_EQ(bed.bytes_in_use(), 0U) << "the hello is over";
  });
}

TEST(Speech, QuicAlone) {
  const InspectionSpec spec{.signatures = "drop quic any any -> any any (sid:1;)"};
  for_each_shape([&](const Shape& shape) {
    DatagramBed bed(shape, spec, 443);
    EXPECT_EQ(bed.sends(1, "hello"), 1U);
    EXPECT_EQ(bed.sends(1, quic_initial("11111111", "good.example")), 0U);
  });
}

TEST(Speech, NamesThatAreAskedFor) {
  const InspectionSpec spec{
      .signatures =
          "drop dns any any -> any any (dns.query; content:\"bad.example\"; nocase; endswith; sid:1;)\n"
          "alert dns any any -> any any (dns.query; bsize:>12; sid:2;)\n"};
  for_each_shape([&](const Shape& shape) {
    DatagramBed bed(shape, spec, 53);
    EXPECT_EQ(bed.sends(1, dns_query({"good.example"})), 1U);
    EXPECT_EQ(bed.sends(2, dns_query({"www.BAD.example"})), 0U);
    EXPECT_EQ(bed.sends(3, dns_query({"verygood.example"})), 1U);
    EXPECT_EQ(bed.sends(4, dns_query({"good.example", "bad.example"})), 0U);
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 4U);
    std::vector<std::string> blocked;
    for (const InspectionEvent& event : events) {
      if (event.outcome == Outcome::kBlocked) blocked.push_back(name_in(event));
    }
    std::ranges::sort(blocked);
    EXPECT_EQ(blocked, (std::vector<std::string>{"bad.example", "www.BAD.example"}));
  });
}

TEST(Speech, SoftwareOfSsh) {
  const InspectionSpec spec{.signatures =
                                "drop ssh any any -> any any (ssh.software; content:\"libssh\"; sid:1;)"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    bed.server_says(0, "SSH-2.0-OpenSSH_9.2p1\r\n");
    bed.client_says(0, "SSH-2.0-lib");
    EXPECT_EQ(bed.reached_server(), 1U);
    bed.client_says(11, "ssh_0.9.6\r\n");
    EXPECT_EQ(bed.reached_server(), 0U);
  });
}

// A mail server and its client, each in its turn.
class MailTalk {
 public:
  explicit MailTalk(InspectionBed& bed) : bed_(bed) {}

  // Whether it came through.
  bool client(std::string_view text) {
    bed_.client_says(sent_, text);
    sent_ += static_cast<std::uint32_t>(text.size());
    return bed_.reached_server() != 0;
  }
  void server(std::string_view text) {
    bed_.server_says(answered_, text, sent_);
    answered_ += static_cast<std::uint32_t>(text.size());
    bed_.take_all();
  }
  void greet() {
    server("220 mail.example ESMTP\r\n");
    EXPECT_TRUE(client("EHLO client.example\r\n"));
    server("250-mail.example\r\n250 STARTTLS\r\n");
  }

 private:
  InspectionBed& bed_;
  std::uint32_t sent_ = 0;
  std::uint32_t answered_ = 0;
};

TEST(Speech, MailToOneWithABadText) {
  const InspectionSpec spec{
      .signatures =
          "drop smtp any any -> any any (smtp.rcpt_to; content:\"boss@\"; file.data; content:\"virus\"; "
          "sid:1;)"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    MailTalk mail(bed);
    mail.greet();
    EXPECT_TRUE(mail.client("MAIL FROM:<a@client.example>\r\n"));
    mail.server("250 ok\r\n");
    EXPECT_TRUE(mail.client("RCPT TO:<clerk@mail.example>\r\n"));
    mail.server("250 ok\r\n");
    EXPECT_TRUE(mail.client("DATA\r\n"));
    mail.server("354 go on\r\n");
    EXPECT_TRUE(mail.client("Subject: a virus\r\n\r\n.\r\n"));
    mail.server("250 ok\r\n");
    EXPECT_TRUE(mail.client("MAIL FROM:<a@client.example>\r\nRCPT TO:<boss@mail.example>\r\nDATA\r\n"));
    mail.server("250 ok\r\n250 ok\r\n354 go on\r\n");
    EXPECT_TRUE(mail.client("Subject: a vir"));
    EXPECT_FALSE(mail.client("us\r\n\r\n.\r\n"));
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(name_in(events[0]), "client.example");
    const Bytes to = events[0].target.view();
    EXPECT_EQ(std::string(to.begin(), to.end()), "<boss@mail.example>");
  });
}

TEST(Speech, MailInChunks) {
  const InspectionSpec spec{.signatures =
                                "drop smtp any any -> any any (file.data; content:\"virus\"; sid:1;)"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    MailTalk mail(bed);
    mail.greet();
    EXPECT_TRUE(mail.client("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mail.example>\r\n"));
    mail.server("250 ok\r\n250 ok\r\n");
    EXPECT_TRUE(mail.client("BDAT 12\r\nSubject: vir"));
    EXPECT_GT(bed.bytes_in_use(), 0U);
    EXPECT_FALSE(mail.client("BDAT 4 LAST\r\nus\r\n"));
  });
}

TEST(Speech, TlsThatMailBeginsWith) {
  for_each_routed_bed(kBadName, [](InspectionBed& bed) {
    MailTalk mail(bed);
    mail.greet();
    EXPECT_TRUE(mail.client("STARTTLS\r\n"));
    mail.server("220 go ahead\r\n");
    EXPECT_FALSE(mail.client(tls_record(kHandshake, hello_for("bad.example"))));
  });
}

TEST(Speech, WhatIsOddIsTold) {
  const InspectionSpec spec{.signatures = "alert tcp any any -> any any (content:\"nothing\"; sid:1;)"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    bed.client_says(0, tls_record(kHandshake, hello_for("good.example")) + tls_record(kHandshake, ""));
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, EventKind::kAnomaly);
    EXPECT_EQ(events[0].speech, Speech::kTls);
    EXPECT_EQ(static_cast<inspection::readers::ReadAnomaly>(events[0].reason),
              inspection::readers::ReadAnomaly::kTlsEmptyRecord);
  });
}

}  // namespace
}  // namespace millrace::testing
