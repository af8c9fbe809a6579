// SPDX-License-Identifier: BSD-3-Clause
// Identifications of SSH (RFC 4253 section 4.2).
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/protocol_listener.h"

namespace millrace::firewall::inspection::readers {
namespace {

using ::testing::SizeIs;
using testing::SshListener;

struct SshCase {
  const char* name;
  Side side;
  std::string stream;
  std::string protocol;
  std::string software;
  std::string comment;
  std::uint64_t anomalies = 0;
};
std::uint64_t only(ReadAnomaly anomaly) {
  ReadAnomalySet set;
  set.add(anomaly);
  return set.bits();
}

class SshReading : public ::testing::TestWithParam<SshCase> {};

// Whole, cut at each place, and byte by byte.
TEST_P(SshReading, FindsTheIdentification) {
  const SshCase& one = GetParam();
  SshListener whole;
  whole.hear(one.side, one.stream, true);
  ASSERT_THAT(whole.told, SizeIs(1)) << one.name;
  EXPECT_EQ(whole.told[0][Buffer::kSshProtocol], one.protocol) << one.name;
  EXPECT_EQ(whole.told[0][Buffer::kSshSoftware], one.software) << one.name;
  EXPECT_EQ(whole.told[0].others[0], one.comment) << one.name;
  EXPECT_EQ(whole.anomalies.bits(), one.anomalies) << one.name;
  EXPECT_EQ(whole.progress, ReadProgress::kOver);
  SshListener bytes;
  for (std::size_t cut = 0; cut <= one.stream.size(); ++cut) {
    if (one.stream.size() < 1000) {
      SshListener pieces;
      pieces.hear(one.side, one.stream.substr(0, cut), false);
      pieces.hear(one.side, one.stream, true);
      ASSERT_EQ(pieces, whole) << one.name << " cut at " << cut;
    }
    if (cut % 97 == 1 || one.stream.size() < 1000) bytes.hear(one.side, one.stream.substr(0, cut), false);
  }
  bytes.hear(one.side, one.stream, true);
  EXPECT_EQ(bytes, whole) << one.name;
}

const std::string kLongSsh = "SSH-2.0-" + std::string(300, 'x') + "\r\n";

INSTANTIATE_TEST_SUITE_P(
    All, SshReading,
    ::testing::Values(
        SshCase{"a client", Side::kClient, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\nmore", "2.0",
                "OpenSSH_9.2p1", "Debian-2+deb12u3"},
        SshCase{"the RFC's", Side::kServer, "SSH-2.0-billsSSH_3.6.3q3\r\n", "2.0", "billsSSH_3.6.3q3", ""},
        SshCase{"an old one", Side::kServer, "SSH-1.99-OpenSSH_3.9p1\n", "1.99", "OpenSSH_3.9p1", "",
                only(ReadAnomaly::kBareLf)},
        SshCase{"lines before", Side::kServer, "Welcome\r\nSSH is here\r\n\r\nSSH-2.0-a b c\r\n", "2.0", "a",
                "b c"},
        SshCase{"dashes", Side::kServer, "SSH-2.0-a-b-c\r\n", "2.0", "a-b-c", ""},
        SshCase{"no software", Side::kClient, "SSH-2.0\r\n", "2.0", "", "",
                only(ReadAnomaly::kSshBadVersion)},
        SshCase{"a client's line before", Side::kClient, "hello\r\nSSH-2.0-a\r\n", "(none)", "(none)", "",
                only(ReadAnomaly::kSshNoIdentification)},
        SshCase{"too long", Side::kClient, kLongSsh, "2.0", kLongSsh.substr(8, 247), "",
                only(ReadAnomaly::kSshLongLine)},
        SshCase{"just not too long", Side::kClient, "SSH-2.0-" + std::string(245, 'x') + "\r\n", "2.0",
                std::string(245, 'x'), ""},
        SshCase{"cut off", Side::kClient, "SSH-2.0-a", "2.0", "a", "", only(ReadAnomaly::kCutOff)},
        SshCase{"NUL", Side::kClient, std::string("SSH-2.0-a\0b\r\n", 13), "2.0", std::string("a\0b", 3), "",
                only(ReadAnomaly::kNul)},
        SshCase{"endless lines before", Side::kServer, std::string(20'000, 'x') + "\nSSH-2.0-a\r\n", "(none)",
                "(none)", "", only(ReadAnomaly::kSshNoIdentification)},
        SshCase{"at the limit", Side::kServer,
                std::string(kMostBeforeSshIdentification - 2, 'x') + "\nSSH-2.0-a\r\n", "2.0", "a", ""},
        SshCase{"behind the limit", Side::kServer,
                std::string(kMostBeforeSshIdentification - 1, 'x') + "\nSSH-2.0-a\r\n", "(none)", "(none)",
                "", only(ReadAnomaly::kSshNoIdentification)}));

}  // namespace
}  // namespace millrace::firewall::inspection::readers
