// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/threat_list_files.h"

#include <gmock/gmock.h>

#include "tests/unit/firewall/inspection/threat_list_bed.h"

namespace millrace::firewall::inspection {
namespace {

using enum ListKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ThreatListFile, LinesHaveCommentsBlanksAndEndsOfAnySystem) {
  const ThreatLists lists = list_of(kDomain,
                                    "\xef\xbb\xbf"
                                    "first.test\r\n"
                                    "# a remark\r\n; another\n\n   \t \r\n"
                                    "\tsecond.test  # why\r\n"
                                    "third.test;why\n"
                                    "fourth.test ; why\n"
                                    "FIRST.test\n"
                                    "last.test");
  EXPECT_EQ(lists.member(0).list->size(), 5U);
  EXPECT_EQ(lists.member(0).list->bad_lines, 0U);
  for (const char* listed : {"first.test", "second.test", "third.test", "fourth.test", "last.test"})
    EXPECT_TRUE(has_domain(lists, listed)) << listed;
}

TEST(ThreatListFile, HostsFilesNameHostsBehindAnAddress) {
  const ThreatLists lists = list_of(kDomain,
                                    "127.0.0.1 localhost\n"
                                    "127.0.0.1\tlocalhost.localdomain # machine\n"
                                    "fe80::1%lo0 localhost\n"
                                    "0.0.0.0 0.0.0.0\n"
                                    "0.0.0.0 bad.test worse.test\tWorst.test # why\n"
                                    ":: six.test\n");
  EXPECT_EQ(lists.member(0).list->bad_lines, 0U);
  EXPECT_EQ(lists.member(0).list->size(), 5U);
  for (const char* listed : {"bad.test", "worse.test", "worst.test", "www.bad.test", "six.test"})
    EXPECT_TRUE(has_domain(lists, listed)) << listed;
  EXPECT_FALSE(has_domain(lists, "localhost"));
  EXPECT_FALSE(has_domain(lists, "0.0.0.0"));
}

TEST(ThreatListFile, SpamhausDropHasItsNumberBehind) {
  const ThreatLists lists = list_of(kAddress,
                                    "; Spamhaus DROP List 2024/01/01 - (c) 2024 The Spamhaus Project\n"
                                    "; Expires: Mon, 01 Jan 2024 23:49:49 GMT\n"
                                    "192.0.2.0/24 ; SBL123\n2001:db8::/32 ; SBL456\n");
  EXPECT_EQ(lists.member(0).list->size(), 2U);
  EXPECT_TRUE(has_address(lists, "192.0.2.77"));
  EXPECT_TRUE(has_address(lists, "2001:db8:ffff::1"));
}

TEST(ThreatListFile, TheFirstColumnIsTheEntry) {
  const ThreatLists ja3s =
      list_of(kJa3,
              "################\n# ja3_md5,Firstseen,Lastseen,Listingreason\n"
              "b386946a5a44d1ddcc843bc75336dfce,2017-07-14 18:08:15,2019-07-27 20:42:54,Dridex\r\n");
  EXPECT_TRUE(has_ja3(ja3s, "b386946a5a44d1ddcc843bc75336dfce"));
  const ThreatLists addresses = list_of(kAddress, "\"192.0.2.1\",\"443\",\"x, y\"\n192.0.2.2,443\n");
  EXPECT_TRUE(has_address(addresses, "192.0.2.1"));
  EXPECT_TRUE(has_address(addresses, "192.0.2.2"));
  const ThreatLists domains = list_of(kDomain, "a.test,2024\n\" b.test \" , 2024\n192.0.2.1,2024\n");
  EXPECT_TRUE(has_domain(domains, "a.test"));
  EXPECT_TRUE(has_domain(domains, "b.test"));
  EXPECT_TRUE(has_domain(domains, "192.0.2.1"));
  const ThreatLists urls = list_of(kUrl, "http://a.test/x,y;z ; why\n\"http://b.test/x\",\"why\"\n");
  EXPECT_TRUE(has_url(urls, "a.test", "/x,y;z"));
  EXPECT_TRUE(has_url(urls, "b.test", "/x"));
}

TEST(ThreatListFile, UrlhausAsText) {
  const ThreatLists lists = list_of(kUrl,
                                    "################\r\n# abuse.ch URLhaus Plain-Text URL List #\r\n\r\n"
                                    "http://192.0.2.1:51323/bin.sh\r\nhttps://example.org/a/b.exe\r\n");
  EXPECT_EQ(lists.member(0).list->size(), 2U);
  EXPECT_TRUE(has_url(lists, "192.0.2.1:51323", "/bin.sh"));
  EXPECT_TRUE(has_url(lists, "example.org", "/a/b.exe"));
}

TEST(ThreatListFile, BadLinesAreToldAndTheOthersHold) {
  EXPECT_THAT(
      told_of(kAddress,
              "192.0.2.1\n\n192.0.2.1/24\n192.0.2.300\n192.0.2.0/33\n0.0.0.0/0\n192.0.2.9-192.0.2.1\n"
              "192.0.2.1-::1\n192.0.2.1 192.0.2.2\n"),
      ElementsAre(
          "list.txt:3: '192.0.2.1/24' has a length that is too great, or bits behind it; give a prefix "
          "such as 192.0.2.0/24",
          HasSubstr("list.txt:4: '192.0.2.300' is no address; give"), HasSubstr("list.txt:5: "),
          HasSubstr("list.txt:6: '0.0.0.0/0' is every address"), HasSubstr("list.txt:7: "),
          HasSubstr("list.txt:8: "), HasSubstr("list.txt:9: ")));
  EXPECT_THAT(told_of(kDomain,
                      "good.test\na..test\nb\xc3\xbc"
                      "cher.test\nhttp://a.test/\nzip\nx y.test\n*\na.1\n"),
              ElementsAre(HasSubstr(":2: 'a..test' has an empty label"), HasSubstr("xn--"), HasSubstr(":4: "),
                          HasSubstr(":5: 'zip' is a whole top-level domain"), HasSubstr(":6: "),
                          HasSubstr(":7: "), HasSubstr(":8: 'a.1' ends in a number")));
  EXPECT_THAT(
      told_of(kDomain, "good.test\n" + std::string(64, 'a') + ".test\n" + std::string(254, 'a') + "\n" +
                           "\"open.test\n2001:db8::1\n*.192.0.2.1\n=\n0.0.0.0 ok.test b@d.test\n"),
      ElementsAre(HasSubstr(":2: "), HasSubstr(":3: "), HasSubstr(":4: "), HasSubstr(":5: "),
                  HasSubstr(":6: "), HasSubstr(":7: "), HasSubstr(":8: ")));
  EXPECT_THAT(told_of(kUrl,
                      "http://good.test/\nhttp:///x\nhttp://a.test:65536/\nhttp://a b/\nhttp://h*\n"
                      "http://[::g]/\nhttp://x.test/\x01\n/path\nhttp://a.test:x/\n"),
              ElementsAre(HasSubstr(":2: "), HasSubstr(":3: "), HasSubstr(":4: "), HasSubstr(":5: "),
                          HasSubstr(":6: "), HasSubstr(":7: "), HasSubstr(":8: "), HasSubstr(":9: ")));
  EXPECT_THAT(told_of(kJa3, std::string(32, 'a') + "\nja3_md5,Firstseen\n" + std::string(31, 'a') + "\n"),
              ElementsAre(HasSubstr("list.txt:2: 'ja3_md5,Firstseen' is no JA3 hash"), HasSubstr(":3: ")));
}

TEST(ThreatListFile, AMessageHasTheLineWithoutItsEnd) {
  EXPECT_THAT(
      told_of(kAddress, "192.0.2.1\r\n0.0.0.0-255.255.255.255\r\n::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
      ElementsAre("list.txt:2: '0.0.0.0-255.255.255.255' is every address; give prefixes of those that are "
                  "meant",
                  HasSubstr("list.txt:3: '::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' is every address")));
}

TEST(ThreatListFile, OfManyBadLinesTheFirstAreTold) {
  std::string text = "good.test\n";
  for (int i = 0; i < 1000; ++i) text += "not good\n";
  const auto told = told_of(kDomain, text);
  ASSERT_EQ(told.size(), kMostToldLines + 1);
  EXPECT_THAT(told.front(), HasSubstr("list.txt:2: "));
  EXPECT_EQ(told.back(), "list.txt: 992 more lines that are not read");
}

TEST(ThreatListFile, AListWithNothingGoodIsAnError) {
  EXPECT_THAT(
      told_of(kDomain, "\n<html>\n<body>\n"),
      ElementsAre("error: list.txt:2: load list 'list': none of its lines is good; the first that is not: "
                  "'<html>' has characters that no name of a host has; give a name such as example.org"));
  EXPECT_THAT(told_of(kDomain, "# empty\n"), IsEmpty());
  EXPECT_THAT(told_of(kDomain, "127.0.0.1 localhost\n"), IsEmpty());
}

TEST(ThreatListFile, UrlsMayBeLongButNotEndless) {
  const std::string host = "a.test";
  const std::string longest = "/" + std::string(TextTable::kLongestText - host.size() - 1, 'x');
  const std::string text = "http://" + host + longest;
  const ThreatLists lists = list_of(kUrl, text);
  EXPECT_TRUE(has_url(lists, host, longest));
  EXPECT_FALSE(has_url(lists, host, longest + "x"));
  EXPECT_THAT(told_of(kUrl, text + "x\n" + text), ElementsAre(HasSubstr("16,383 bytes")));
}

TEST(ThreatListFile, WhatHasNotChangedIsShared) {
  const ThreatLists before = lists_of(
      {list_file(kDomain, "a.test\n", "a"), list_file(kDomain, "b.test\n", "b"), list_file(kJa3, "", "j")});
  ThreatListFile renamed = list_file(kDomain, "b.test\n", "renamed");
  renamed.action = 7;
  const ThreatLists after = lists_of({list_file(kDomain, "a.test\nc.test\n", "a"), renamed,
                                      list_file(kDomain, "b.test\n", "again"), list_file(kUrl, "", "u")},
                                     &before);
  EXPECT_NE(after.member(0).list, before.member(0).list);
  EXPECT_EQ(after.member(1).list, before.member(1).list);
  EXPECT_EQ(after.member(2).list, before.member(1).list);
  EXPECT_EQ(after.member(3).list->kind(), kUrl);  // the same text, but not the same kind
  EXPECT_EQ(after.name(1), "renamed");
  EXPECT_EQ(after.member(1).action, 7);
  EXPECT_TRUE(has_domain(after, "c.test"));
  EXPECT_FALSE(has_domain(before, "c.test"));
  EXPECT_EQ(after.find_domain(bytes_of("b.test")).count(), 2U);
  EXPECT_LT(after.memory_bytes(),
            after.member(0).list->memory_bytes() + 2 * after.member(1).list->memory_bytes());
  // Nothing is shared under another seed, whose hashes are others.
  const auto other = load_threat_lists(std::vector{renamed}, {1, 2}, &before);
  ASSERT_TRUE(other);
  EXPECT_NE(other->member(0).list, before.member(1).list);
  EXPECT_TRUE(has_domain(*other, "b.test"));
}

TEST(ThreatListFile, OneFileAtATimeWillDo) {
  std::vector<ThreatLists::Member> members;
  for (const char* name : {"a", "b"}) {
    const std::string text = std::string(name) + ".test\n";  // gone when the next is read
    auto member = load_threat_list(list_file(kDomain, text, name), kListSeed);
    ASSERT_TRUE(member);
    members.push_back(std::move(*member));
  }
  const ThreatLists lists(std::move(members), kListSeed);
  EXPECT_EQ(lists.name(lists.find_domain(bytes_of("www.b.test")).first()), "b");
  EXPECT_EQ(lists.name(lists.find_domain(bytes_of("a.test")).first()), "a");
  const auto reloaded = load_threat_list(list_file(kDomain, "b.test\n", "b"), kListSeed, &lists);
  ASSERT_TRUE(reloaded);
  EXPECT_EQ(reloaded->list, lists.member(1).list);
}

}  // namespace
}  // namespace millrace::firewall::inspection
