// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/ftp_message.h"

#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::nat::ftp {
namespace {

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// "FORM:ADDRESS:PORT:what stands there"; "-" for nothing.
std::string told(std::string_view line, Sender sender) {
  const Message message = read_line(bytes_of(line), sender);
  static constexpr std::array<std::string_view, 4> kForms{"-", "PORT", "EPRT", "EPSV"};
  const auto form = static_cast<std::size_t>(message.form);
  if (message.form == Form::kNone) return "-";
  std::string text(kForms.at(form));
  if (message.form != Form::kEpsv) text += " " + message.address.to_string();
  return text + " " + std::to_string(message.port.host()) + " [" +
         std::string(line.substr(message.at, message.length)) + "]";
}
std::string client(std::string_view line) { return told(line, Sender::kClient); }
std::string server(std::string_view line) { return told(line, Sender::kServer); }

std::string written(std::string_view line, Sender sender, std::string_view address, std::uint16_t port) {
  const Message message = read_line(bytes_of(line), sender);
  Text text{};
  const std::size_t length = write(text, message, *net::Ipv4Address::parse(address), be16(port));
  std::string out(line);
  return out.replace(message.at, message.length,
                     std::string(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length)));
}

// RFC 959 section 4.1.2: the port's high order byte comes first.
TEST(FtpMessage, PortNamesAHostAndAPort) {
  EXPECT_EQ(client("PORT 10,0,0,5,4,1\r\n"), "PORT 10.0.0.5 1025 [10,0,0,5,4,1]");
  EXPECT_EQ(client("port 192,168,100,200,255,255\r\n"),
            "PORT 192.168.100.200 65535 [192,168,100,200,255,255]");
  EXPECT_EQ(client("PoRt 10,0,0,5,0,21 \n"), "PORT 10.0.0.5 21 [10,0,0,5,0,21]");
  EXPECT_EQ(client("PORT  010,000,0,05,4,1\r\n"), "PORT 10.0.0.5 1025 [010,000,0,05,4,1]");
}

TEST(FtpMessage, WhatIsNoPortCommandIsLeft) {
  for (const std::string_view line : {"",
                                      "PORT",
                                      "PORT ",
                                      "PORT\r\n",
                                      "PORT 10,0,0,5,4\r\n",
                                      "PORT 10,0,0,5,4,\r\n",
                                      "PORT 10,0,0,5,4,256\r\n",
                                      "PORT 256,0,0,5,4,1\r\n",
                                      "PORT 10,0,0,5,4,1,1\r\n",
                                      "PORT 10.0.0.5.4.1\r\n",
                                      "PORT 10,0,0,5,4,0001\r\n",
                                      "PORT 99999999999999999999,0,0,5,4,1\r\n",
                                      "PORT -1,0,0,5,4,1\r\n",
                                      "PORT 10, 0,0,5,4,1\r\n",
                                      "PORT 10,0,0,5,4,1x\r\n",
                                      "XPORT 10,0,0,5,4,1\r\n",
                                      "PORT10,0,0,5,4,1\r\n",
                                      " PORT 10,0,0,5,4,1\r\n",
                                      "PORT ,,,,,\r\n",
                                      "STOR PORT 10,0,0,5,4,1\r\n"})
    EXPECT_EQ(client(line), "-") << line;
  EXPECT_EQ(server("PORT 10,0,0,5,4,1\r\n"), "-");
}

// RFC 2428 section 2, with its own examples.
TEST(FtpMessage, EprtNamesAnAddressOfAFamily) {
  EXPECT_EQ(client("EPRT |1|132.235.1.2|6275|\r\n"), "EPRT 132.235.1.2 6275 [132.235.1.2|6275]");
  EXPECT_EQ(client("eprt !1!10.0.0.5!1025!\r\n"), "EPRT 10.0.0.5 1025 [10.0.0.5!1025]");
  for (const std::string_view line :
       {"EPRT |2|1080::8:800:200C:417A|5282|\r\n", "EPRT |1|132.235.1.2|6275\r\n",
        "EPRT |1|132.235.1.2|65536|\r\n", "EPRT |1|132.235.1.2||\r\n", "EPRT |1|132.235.1|6275|\r\n",
        "EPRT |1|132.235.1.256|6275|\r\n", "EPRT |11|132.235.1.2|6275|\r\n", "EPRT |3|132.235.1.2|6275|\r\n",
        "EPRT ||132.235.1.2|6275|\r\n", "EPRT |1!132.235.1.2!6275!\r\n", "EPRT 111132.235.1.2162751\r\n",
        "EPRT |1|132.235.1.2|6275|x\r\n", "EPRT \r\n", "EPRT |\r\n", "EPRT |1\r\n", "EPRT |1|\r\n",
        "EPRT .1.132.235.1.2.6275.\r\n"})
    EXPECT_EQ(client(line), "-") << line;
}

// RFC 1123 section 4.1.2.6: the text and the parentheses may be others, or none.
TEST(FtpMessage, APassiveReplyNamesAHostAndAPortSomewhere) {
  EXPECT_EQ(server("227 Entering Passive Mode (10,0,0,5,4,1).\r\n"), "PORT 10.0.0.5 1025 [10,0,0,5,4,1]");
  EXPECT_EQ(server("227 =10,0,0,5,4,1\r\n"), "PORT 10.0.0.5 1025 [10,0,0,5,4,1]");
  EXPECT_EQ(server("227 10,0,0,5,4,1\r\n"), "PORT 10.0.0.5 1025 [10,0,0,5,4,1]");
  EXPECT_EQ(server("227-10,0,0,5,4,1\r\n"), "PORT 10.0.0.5 1025 [10,0,0,5,4,1]");
  EXPECT_EQ(server("227 Mode 2, ok (10,0,0,5,4,1)\r\n"), "PORT 10.0.0.5 1025 [10,0,0,5,4,1]");
  for (const std::string_view line :
       {"227", "227\r\n", "227 \r\n", "227 Entering Passive Mode\r\n", "227 (10,0,0,5,4)\r\n",
        "2270,0,0,5,4,1\r\n", "227 (1,10,0,0,5,4,1)\r\n", "227 (10,0,0,5,4,256)\r\n",
        "228 (10,0,0,5,4,1)\r\n", "227:10,0,0,5,4,1\r\n"})
    EXPECT_EQ(server(line), "-") << line;
  EXPECT_EQ(client("227 (10,0,0,5,4,1)\r\n"), "-");
}

// RFC 2428 section 3, with its own example.
TEST(FtpMessage, AnExtendedPassiveReplyNamesAPort) {
  EXPECT_EQ(server("229 Entering Extended Passive Mode (|||6446|)\r\n"), "EPSV 6446 [6446]");
  EXPECT_EQ(server("229 (!!!65535!)\r\n"), "EPSV 65535 [65535]");
  for (const std::string_view line :
       {"229 Entering Extended Passive Mode\r\n", "229 (|||6446|\r\n", "229 (|||65536|)\r\n",
        "229 (||6446|)\r\n", "229 (|1|10.0.0.5|6446|)\r\n", "229 (||||)\r\n", "229 (111644611)\r\n",
        "229 |||6446|\r\n", "229 (\r\n", "229\r\n"})
    EXPECT_EQ(server(line), "-") << line;
}

TEST(FtpMessage, LinesThatGoOnAndOnAreLeft) {
  const std::string spaces(10'000, ' ');
  EXPECT_EQ(client("PORT " + spaces + "10,0,0,5,4,1\r\n"), "-");
  EXPECT_EQ(server("227 " + std::string(10'000, '1') + "\r\n"), "-");
  EXPECT_FALSE(may_become_message(bytes_of("PORT " + spaces), Sender::kClient));
}

TEST(FtpMessage, HalfALineIsKnownByItsBeginning) {
  EXPECT_TRUE(may_become_message(bytes_of("PORT 10,0"), Sender::kClient));
  EXPECT_TRUE(may_become_message(bytes_of("eprt |1|10."), Sender::kClient));
  EXPECT_TRUE(may_become_message(bytes_of("227 Entering"), Sender::kServer));
  EXPECT_TRUE(may_become_message(bytes_of("229-"), Sender::kServer));
  for (const std::string_view line : {"", "P", "POR", "PORT", "USER x", "227 Entering"})
    EXPECT_FALSE(may_become_message(bytes_of(line), Sender::kClient)) << line;
  for (const std::string_view line : {"", "227", "2270", "220 hello", "PORT 10"})
    EXPECT_FALSE(may_become_message(bytes_of(line), Sender::kServer)) << line;
}

TEST(FtpMessage, AnotherAddressAndPortTakeTheirPlace) {
  EXPECT_EQ(written("PORT 10,0,0,5,4,1\r\n", Sender::kClient, "203.0.113.1", 65535),
            "PORT 203,0,113,1,255,255\r\n");
  EXPECT_EQ(written("EPRT !1!10.0.0.5!1025!\r\n", Sender::kClient, "203.0.113.1", 9),
            "EPRT !1!203.0.113.1!9!\r\n");
  EXPECT_EQ(written("227 Mode (10,0,0,5,4,1).\r\n", Sender::kServer, "255.255.255.255", 65535),
            "227 Mode (255,255,255,255,255,255).\r\n");
  EXPECT_EQ(written("229 (|||6446|)\r\n", Sender::kServer, "203.0.113.1", 40000), "229 (|||40000|)\r\n");
}

TEST(FtpMessage, RandomLinesAreReadWithinThemselves) {
  constexpr std::string_view kAlphabet = "0123456789,,,...||||()  PORTEprt2279\r\n\xff";
  std::mt19937 random(11);
  for (unsigned round = 0; round < 200'000; ++round) {
    std::string line = round % 4 == 0   ? "PORT "
                       : round % 4 == 1 ? "EPRT |1|"
                       : round % 4 == 2 ? "227 "
                                        : "229 (";
    for (auto length = random() % 30; length != 0; --length) line += kAlphabet[random() % kAlphabet.size()];
    line.resize(random() % (line.size() + 1));
    for (const Sender sender : {Sender::kClient, Sender::kServer}) {
      const Message message = read_line(bytes_of(line), sender);
      ASSERT_LE(std::size_t{message.at} + message.length, line.size()) << line;
      Text text{};
      ASSERT_LE(write(text, message, *net::Ipv4Address::parse("255.255.255.255"), be16(65535)), text.size());
    }
  }
}

}  // namespace
}  // namespace millrace::nat::ftp
