// SPDX-License-Identifier: BSD-3-Clause
// Messages of browsers and servers, from the captures of PcapPlusPlus's test suite. What is expected was
// copied by hand from tshark's fields (http.host, http.cookie, http.file_data and the like).
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/corpus.h"
#include "tests/support/http_listener.h"
#include "tests/support/pcap_reader.h"

namespace millrace::firewall::inspection {
namespace {

namespace fs = std::filesystem;
using testing::HttpListener;
using testing::HttpMessage;

fs::path captures() { return testing::corpus_folder() / "captures/pcapplusplus"; }

// What the frame with this number, from 1 on, carries over TCP over IPv4 over Ethernet.
std::string payload(const std::vector<testing::CapturedPacket>& packets, std::size_t number) {
  constexpr std::size_t kLink = 14;
  const auto& bytes = packets.at(number - 1).bytes;
  const std::size_t ip = (bytes.at(kLink) & 0x0fU) * 4U;
  const std::size_t length = bytes.at(kLink + 2) * 256U + bytes.at(kLink + 3);
  const std::size_t tcp = (bytes.at(kLink + ip + 12) >> 4U) * 4U;
  return {bytes.begin() + static_cast<std::ptrdiff_t>(kLink + ip + tcp),
          bytes.begin() + static_cast<std::ptrdiff_t>(kLink + length)};
}

class HttpReaderCapture : public ::testing::Test {
 protected:
  void SetUp() override {
    const fs::path file = captures() / "three_http_streams.pcap";
    if (!fs::exists(file)) GTEST_SKIP() << file << " is not there";
    packets = *testing::read_capture(file);
    ASSERT_EQ(packets.size(), 28U);
  }
  // The frames of one request and its answer.
  void hear(std::size_t request, std::size_t answer) {
    listener.hear(Side::kClient, payload(packets, request), true);
    listener.hear(Side::kServer, payload(packets, answer), true);
    ASSERT_EQ(listener.client.messages.size(), 1U);
    ASSERT_EQ(listener.server.messages.size(), 1U);
  }
  std::vector<testing::CapturedPacket> packets;
  HttpListener listener;
};

TEST_F(HttpReaderCapture, HasAPictureThatCountsAsVisited) {
  hear(6, 13);
  const HttpMessage& get = listener.client.messages[0];
  EXPECT_EQ(get[Buffer::kHttpUri], "/serv?s=19190039&t=1361916157&f=us-p9h3");
  EXPECT_EQ(get[Buffer::kHttpHost], "geo.yahoo.com");
  EXPECT_EQ(get[Buffer::kHttpUserAgent],
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_7_3) AppleWebKit/534.55.3 (KHTML, like Gecko) "
            "Version/5.1.3 Safari/534.53.10");
  EXPECT_EQ(get[Buffer::kHttpCookie], "B=fdnulql8iqc6l&b=3&s=ps");
  EXPECT_EQ(get[Buffer::kHttpReferer], "http://webhosting.yahoo.com/forward.html");
  EXPECT_EQ(get[Buffer::kHttpAcceptEncoding], "gzip");
  EXPECT_TRUE(get.anomalies.empty());
  const HttpMessage& picture = listener.server.messages[0];
  EXPECT_EQ(picture[Buffer::kHttpContentLength], "43");
  EXPECT_EQ(picture[Buffer::kHttpContentType], "image/gif");
  EXPECT_EQ(picture[Buffer::kFileData].size(), 43U);
  EXPECT_EQ(picture[Buffer::kFileData].substr(0, 6), "GIF89a");
  EXPECT_TRUE(picture.anomalies.empty());
}

TEST_F(HttpReaderCapture, HasAPackedPage) {
  hear(9, 23);
  EXPECT_EQ(listener.client.messages[0][Buffer::kHttpHost], "www.bowlsbybruno.com");
  EXPECT_EQ(listener.client.messages[0][Buffer::kHttpCookie], "BX=6l0vgh18iqc6k&b=3&s=a5");
  const HttpMessage& page = listener.server.messages[0];
  EXPECT_EQ(page[Buffer::kHttpServer], "YTS/1.19.11");
  EXPECT_EQ(page[Buffer::kHttpContentType], "text/html");
  EXPECT_EQ(page[Buffer::kFileData],
            "<html><head><title>bowlsbybruno.com</title></head><frameset rows=\"100%\" scrolling=\"yes\" "
            "border=\"0\"><frame src=\"http://www.wix.com/brumazz/bowls\"><frame "
            "src=\"http://webhosting.yahoo.com/forward.html\" marginwidth=\"0\" marginheight=\"0\"  "
            "scrolling=\"no\" frameborder=\"0\"></frameset></html>");
  EXPECT_TRUE(page.ends && page.anomalies.empty());
}

}  // namespace
}  // namespace millrace::firewall::inspection
