// SPDX-License-Identifier: BSD-3-Clause
// Messages that are not as they should be, most of them after ideas of RFC 4475: they pass as they are, and
// nothing is asked or opened for them.
#include "vnfs/nat/sip_head.h"

#include <gtest/gtest.h>

#include "tests/unit/nat/sip_messages.h"

namespace millrace::nat::sip {
namespace {

std::string changed(std::string_view what, std::string_view by) { return replaced(kInvite, what, by); }

TEST(SipHead, StartLines) {
  for (const std::string_view line :
       {"INVITE sip:bob@biloxi.example.com SIP/7.0", "INVITE sip:bob@biloxi.example.com",
        "INVITE  sip:a SIP/2.0", "INVITE sip:a  SIP/2.0", "INVITE sip:a SIP/2.0 ", "INVITE sip:a b SIP/2.0",
        " INVITE sip:a SIP/2.0", "INV\xffITE sip:a SIP/2.0", "SIP/2.0 20 OK", "SIP/2.0 4294967301 better",
        "SIP/2.0 -20 OK", "SIP/2.0 200", "SIP/2.0", "GET / HTTP/1.1"})
    expect_malformed(changed("INVITE sip:bob@biloxi.example.com SIP/2.0", line));
}

TEST(SipHead, Lengths) {
  for (const std::string_view length :
       {"Content-Length: -999", "Content-Length: 99999999999999999999999999", "Content-Length: 4294967426",
        "Content-Length: 18446744073709551746", "Content-Length: 65536", "Content-Length: 0x82",
        "Content-Length: 130 130", "Content-Length: ", "Content-Length: 1e2", "Content-Length: 130, 130",
        "Content-Length: 130\r\nContent-Length: 131", "Content-Length: 130\r\nl: 130"})
    expect_malformed(changed("Content-Length: 130", length));
  expect_malformed(changed("Content-Length: 130", "Content-Length: 131"), Carrier::kDatagram);
  // A body cut short in its last line is one all the same; cut in its port it is none.
  expect_malformed(changed("Content-Length: 130", "Content-Length: 90"), Carrier::kDatagram);
}

TEST(SipHead, Heads) {
  const std::string whole = kInvite;
  expect_malformed(changed("Max-Forwards: 70", "Max-Forwards"));
  expect_malformed(changed("Max-Forwards: 70", ": 70"));
  expect_malformed(changed("Max-Forwards: 70", "Max Forwards: 70"));
  expect_malformed(changed("Max-Forwards: 70", "Max-Forwards: 70\rX: y"));
  expect_malformed(changed("Max-Forwards: 70", "Max-Forwards: 70\nX: y"));
  expect_malformed(changed("Max-Forwards: 70", std::string("Max-Forwards: 7\0", 16)));
  expect_malformed(changed("Max-Forwards: 70", "Max-Forwards: 7\x01"));
  expect_malformed(changed("Max-Forwards: 70", "Max-Forwards: 7\x7f"));
  expect_malformed(
      changed("Content-Type: application/sdp", "Content-Type: application/sdp\r\nContent-Type: text/plain"));
  expect_malformed(replaced(whole, "\r\n", "\n"));
  expect_malformed(whole.substr(0, whole.find("\r\n\r\n") + 2), Carrier::kDatagram);
  expect_malformed("\r\n" + whole.substr(whole.find("\r\n") + 2));
  expect_malformed(std::string(4, '\0'));
  expect_malformed("jaK", Carrier::kDatagram);
  expect_malformed("\r", Carrier::kDatagram);
}

TEST(SipHead, WhatEveryMessageHas) {
  for (const std::string_view field : {"Via:", "From:", "To:", "Call-ID:", "CSeq:"})
    expect_malformed(changed(std::string("\r\n") + std::string(field), "\r\nX-Other:"));
}

TEST(SipHead, LongLines) {
  const std::string long_word(64'000, 'x');
  expect_malformed(long_word);
  expect_malformed(changed("Max-Forwards: 70", "X: " + long_word));
  expect_malformed(changed("Max-Forwards: 70", long_word));
  expect_malformed(changed("sip:bob@biloxi.example.com SIP", "sip:" + long_word + " SIP"));
  std::string fields;
  for (int i = 0; i < 3000; ++i) fields += "a:\r\n";
  expect_malformed(changed("Max-Forwards: 70\r\n", fields));
  std::string folds = "X:";
  for (int i = 0; i < 3000; ++i) folds += "\r\n ";
  expect_malformed(changed("Max-Forwards: 70", folds));
}

}  // namespace
}  // namespace millrace::nat::sip
