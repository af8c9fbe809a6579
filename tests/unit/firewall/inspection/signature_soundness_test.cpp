// SPDX-License-Identifier: BSD-3-Clause
// Signatures that say two things at once, or what can never be, are not half in force.
#include "vnfs/firewall/inspection/signature_soundness.h"

#include <gtest/gtest.h>

#include "tests/support/read_signature.h"

namespace millrace::firewall::inspection {
namespace {

TEST(SignatureSoundness, Contents) {
  EXPECT_EQ(none("content:\"abcd\"; depth:3;").keyword, "content");
  EXPECT_EQ(none("content:\"a\"; content:\"bcd\"; within:2;").keyword, "content");
  EXPECT_EQ(none("content:\"a\"; content:\"b\"; distance:1; offset:3;").keyword, "content");
  EXPECT_EQ(none("content:\"a\"; depth:3; depth:4;").keyword, "depth");
  EXPECT_EQ(none("content:\"a\"; offset:3; startswith;").keyword, "startswith");
  EXPECT_EQ(none("content:\"a\"; startswith; depth:9;").keyword, "depth");
  EXPECT_EQ(none("content:\"a\"; offset:-1;").keyword, "offset");
  EXPECT_EQ(none("content:\"a\"; depth:0;").keyword, "depth");
  EXPECT_EQ(none("nocase;").keyword, "nocase");
  EXPECT_EQ(none("content:\"a\"; nocase:yes;").keyword, "nocase");
  EXPECT_EQ(none("content;").keyword, "content");
  EXPECT_EQ(test<Content>(one("content:\"ab\"; startswith; endswith;")).depth, Number{2});
}

TEST(SignatureSoundness, BytesOfContents) {
  for (const char* wrong :
       {"", "a|0|", "|4142", "|4x|", "|4|1|", R"(a\nb)", R"(a\|b)", R"(a"b)", R"(a\)", "||"})
    EXPECT_EQ(none("content:\"" + std::string(wrong) + "\";").keyword, "content") << wrong;
  EXPECT_EQ(test<Content>(one(R"(content:"\:\"\\\;|41,42 43|:";)")).bytes, ":\"\\;ABC:");
  EXPECT_EQ(test<Content>(one("content:\"|00 ff|\";")).bytes, std::string("\0\xff", 2));
  EXPECT_EQ(test<Content>(one("content:\"" + std::string(255, 'a') + "\";")).bytes.size(), 255U);
  EXPECT_EQ(none("content:\"" + std::string(256, 'a') + "\";").keyword, "content");
}

TEST(SignatureSoundness, FastPattern) {
  EXPECT_TRUE(test<Content>(one("content:\"abc\"; fast_pattern:only;")).only_first);
  EXPECT_TRUE(test<Content>(one("content:\"abcdef\"; fast_pattern:2,4;")).fast_pattern);
  for (const char* wrong : {"3,4", "7,1", "-1,2", "0,0", "1", "all", "1,2,3"})
    EXPECT_EQ(none("content:\"abcdef\"; fast_pattern:" + std::string(wrong) + ";").keyword, "fast_pattern");
  EXPECT_EQ(none("content:\"a\"; fast_pattern; content:\"b\"; fast_pattern;").keyword, "fast_pattern");
  EXPECT_EQ(none("content:!\"a\"; fast_pattern:only;").keyword, "fast_pattern");
  EXPECT_EQ(none("content:\"a\"; offset:1; fast_pattern:only;").keyword, "fast_pattern");
}

TEST(SignatureSoundness, WhereAContentIs) {
  EXPECT_EQ(none("content:\"a\"; http_uri; http_header;").keyword, "http_header");
  EXPECT_EQ(none("http_uri;").keyword, "http_uri");
  EXPECT_EQ(none("content:\"a\"; http_header_names; http_uri;").keyword, "http_uri");
  EXPECT_EQ(none("content:\"a\"; http_uri:x;").keyword, "http_uri");
  EXPECT_EQ(none("pcre:\"/a/UH\";").keyword, "pcre");
  EXPECT_EQ(none("pcre:\"/a(b/\";").keyword, "pcre");
  EXPECT_EQ(none("content:\"Example.org\"; http_host;").keyword, "content");
  EXPECT_TRUE(test<Content>(one("content:\"Example.org\"; nocase; http_host;")).caseless);
  EXPECT_TRUE(test<Content>(one("ja3.hash; content:\"E7D705A3286E19EA42F587B344EE6865\";")).caseless);
}

TEST(SignatureSoundness, AModifierTakesWhatIsRelativeAlong) {
  const Signature moved =
      one("content:\"x\"; content:\"agent\"; isdataat:!1,relative; pcre:\"/y/\"; http_user_agent;"
          " content:\"z\"; http_user_agent;");
  ASSERT_EQ(moved.buffers.size(), 2U);
  EXPECT_EQ(moved.buffers[0].buffer, Buffer::kPayload);
  EXPECT_EQ(test<Content>(moved).bytes, "x");
  EXPECT_EQ(test<Pcre>(moved, 0, 1).pattern, "y");
  EXPECT_EQ(moved.buffers[1].buffer, Buffer::kHttpUserAgent);
  EXPECT_EQ(test<Content>(moved, 1, 0).bytes, "agent");
  EXPECT_TRUE(test<IsDataAt>(moved, 1, 1).relative);
  EXPECT_EQ(test<Content>(moved, 1, 2).bytes, "z");
  const Signature alone = one("content:\"a\"; isdataat:!1,relative; http_uri; nocase;");
  ASSERT_EQ(alone.buffers.size(), 1U);
  EXPECT_TRUE(test<Content>(alone).caseless);
}

TEST(SignatureSoundness, ABodyIsLookedAtUnpacked) {
  for (const char* body :
       {"content:\"a\"; http_server_body;", "http.response_body; content:\"a\";", "pcre:\"/a/Q\";"}) {
    const Signature signature = one(body);
    EXPECT_EQ(signature.buffers.at(0).buffer, Buffer::kFileData) << body;
    EXPECT_EQ(signature.speech, Speech::kHttp) << body;
  }
  const Signature relative =
      one("file_data; content:\"WAIT \"; content:\"CERT \"; distance:0; pcre:\"/^A/RQ\";");
  ASSERT_EQ(relative.buffers.size(), 1U);
  EXPECT_TRUE(test<Pcre>(relative, 0, 2).relative);
  EXPECT_EQ(none("content:\"a\"; http_server_body;", "alert smtp any any -> any any (").keyword,
            "http.response_body");
}

TEST(SignatureSoundness, WhatIsSpoken) {
  EXPECT_EQ(none("content:\"a\"; http_uri; content:\"b\"; tls.sni; content:\"c\";").keyword, "tls.sni");
  EXPECT_EQ(none("app-layer-protocol:tls;", "alert http any any -> any any (").keyword, "app-layer-protocol");
  EXPECT_EQ(none("app-layer-protocol:!tls;").keyword, "app-layer-protocol");
  EXPECT_EQ(one("app-layer-protocol:ssh;").speech, Speech::kSsh);
  EXPECT_EQ(none("content:\"a\"; http_uri;", "alert udp any any -> any any (").line, 1U);
  EXPECT_EQ(one("tls.sni; content:\"a\";", "alert udp any any -> any any (").protocol, 17) << "QUIC";
  EXPECT_EQ(one("dns_query; content:\"a\";", "alert udp any any -> any any (").speech, Speech::kDns);
  EXPECT_EQ(one("tls.subject:!\"CN=x\";").buffers.at(0).buffer, Buffer::kTlsSubject);
  EXPECT_TRUE(test<Content>(one("tls.subject:!\"CN=x\";")).negated);
  EXPECT_EQ(test<Content>(one("tls.subject; content:\"CN=x\";")).bytes, "CN=x");
}

TEST(SignatureSoundness, WhoSpeaks) {
  EXPECT_EQ(none("flow:to_client; content:\"a\"; http_uri;").keyword, "http.uri");
  EXPECT_EQ(none("flow:to_server; http.stat_code; content:\"200\";").keyword, "http.stat_code");
  EXPECT_EQ(one("flow:to_server; content:\"a\"; http_header;").flow.from, Side::kClient);
  EXPECT_EQ(none("flow:to_server,to_client;").keyword, "flow");
  EXPECT_EQ(none("flow:established,not_established;").keyword, "flow");
  EXPECT_EQ(none("flow:to_server; flow:established;").keyword, "flow");
  EXPECT_EQ(none("flow:only_stream,no_stream;").keyword, "flow");
  EXPECT_EQ(none("flow:only_stream;", "alert tcp-pkt any any -> any any (").keyword, "flow");
  EXPECT_EQ(none("flow:only_stream; dsize:5;").keyword, "dsize");
  EXPECT_EQ(none("flow:sideways;").keyword, "flow");
}

TEST(SignatureSoundness, Packets) {
  EXPECT_EQ(one("flags:S;", "alert ip any any -> any any (").protocol, 6);
  EXPECT_EQ(none("flags:S;", "alert udp any any -> any any (").keyword, "flags");
  EXPECT_EQ(one("flags:SA+;").tcp_flags,
            (TcpFlagSpec{.flags = 0x12, .ignore = 0, .how = TcpFlagSpec::How::kAll}));
  EXPECT_EQ(none("flags:+;").keyword, "flags");
  EXPECT_EQ(none("flags:SX;").keyword, "flags");
  EXPECT_EQ(one("itype:8; icode:>0;", "alert ip any any -> any any (").protocol, 1);
  EXPECT_EQ(one("itype:128;", "alert icmpv6 any any -> any any (").protocol, 58);
  EXPECT_EQ(none("itype:8;").keyword, "itype");
  EXPECT_EQ(none("itype:256;", "alert icmp any any -> any any (").keyword, "itype");
  EXPECT_EQ(none("dsize:>10; dsize:<20;").keyword, "dsize");
  EXPECT_EQ(none("dsize:20<>10;").keyword, "dsize");
  EXPECT_EQ(one("ip_proto:GRE;", "alert ip any any -> any any (").protocol, 47);
  EXPECT_EQ(one("ip_proto:41;", "alert ip any any -> any any (").protocol, 41);
  EXPECT_EQ(none("ip_proto:17;").keyword, "ip_proto");
  EXPECT_EQ(none("ip_proto:!6;", "alert ip any any -> any any (").keyword, "ip_proto");
}

TEST(SignatureSoundness, NumbersOfTraffic) {
  EXPECT_EQ(test<ByteTest>(one("byte_test:0,<=,400,0,string,dec;")).numeral.bytes, 0);
  for (const char* wrong : {"0,>,1,0", "24,>,1,0,string,dec", "1,>,-1,0", "1,~,1,0", "1,>,1,70000",
                            "1,>,1,0,hex", "1,>,1,0,dce", "1,>,1"})
    EXPECT_EQ(none("byte_test:" + std::string(wrong) + ";").keyword, "byte_test") << wrong;
  EXPECT_EQ(none("byte_extract:2,0,5;").keyword, "byte_extract");
  EXPECT_EQ(none("byte_extract:1,0,a; byte_extract:1,1,b; byte_extract:1,2,c; byte_extract:1,3,d; "
                 "byte_extract:1,4,e;")
                .keyword,
            "byte_extract");
  EXPECT_EQ(none("byte_jump:4;").keyword, "byte_jump");
  EXPECT_EQ(none("byte_jump:4,0,multiplier 0;").keyword, "byte_jump");
  EXPECT_EQ(none("isdataat:x;").keyword, "isdataat");
  EXPECT_EQ(none("urilen:5,both;").keyword, "urilen");
  EXPECT_EQ(none("bsize:a;").keyword, "bsize");
}

TEST(SignatureSoundness, HowOften) {
  const std::string limit = "threshold:type limit, track by_src, seconds 360, count 1;";
  EXPECT_EQ(one(limit).threshold->seconds, 360U);
  EXPECT_EQ(none(limit + limit).keyword, "threshold");
  EXPECT_EQ(none(limit + "detection_filter:track by_src, count 5, seconds 9;").keyword, "threshold");
  EXPECT_EQ(none("threshold:type limit, track by_src, seconds 0, count 1;").keyword, "threshold");
  EXPECT_EQ(none("threshold:type limit, count 1, seconds 6, count 1;").keyword, "threshold");
  EXPECT_EQ(none("detection_filter:type limit, track by_src, count 5, seconds 9;").keyword,
            "detection_filter");
}

TEST(SignatureSoundness, FlowBits) {
  for (const char* wrong : {"set,a|b", "isset,a||b", "isset,a&b", "set,a b", "forget,a", "set"})
    EXPECT_EQ(none("flowbits:" + std::string(wrong) + ";").keyword, "flowbits") << wrong;
}

TEST(SignatureSoundness, ForPeople) {
  EXPECT_EQ(one("target:src_ip; tag:session,5,packets; prefilter; gid:3; classtype:coin-mining;").priority,
            2);
  EXPECT_EQ(one("classtype:of-my-own;").priority, 3);
  EXPECT_EQ(none("target:both;").keyword, "target");
  EXPECT_EQ(none("msg:\"a\"; msg:\"b\";").keyword, "msg");
  EXPECT_EQ(none("sid:2;").keyword, "sid");
  EXPECT_EQ(none("priority:0;").keyword, "priority");
  EXPECT_EQ(none("reference:somewhere;").keyword, "reference");
}

TEST(SignatureSoundness, WhatIsNotToBeHad) {
  EXPECT_EQ(none("lua:a.lua;").reason, "scripts are not run; write contents and expressions");
  EXPECT_EQ(none("dns.query; dotprefix; content:\".a\";").keyword, "dotprefix");
  EXPECT_EQ(none("xbits:set,a,track ip_pair;").keyword, "xbits");
  EXPECT_EQ(none("of_no_release:1;").keyword, "of_no_release");
}

TEST(SignatureSoundness, IsTheSameTwice) {
  Signature signature = one("flags:S; ja3.hash; content:\"AB\";", "alert ip any any -> any any (");
  const Signature before = signature;
  EXPECT_TRUE(make_sound(signature).has_value());
  EXPECT_EQ(signature, before);
}

}  // namespace
}  // namespace millrace::firewall::inspection
