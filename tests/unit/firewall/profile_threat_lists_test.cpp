// SPDX-License-Identifier: BSD-3-Clause
// Threat lists as profiles name them: what is read, what is shared from one load to the next, what is told.
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/firewall/profile_fixture.h"
#include "vnfs/firewall/profile.h"

namespace millrace::firewall::profile {
namespace {

using inspection::ListAction;
using inspection::ListKind;
using ::testing::HasSubstr;

class ThreatListProfile : public ::testing::Test {
 protected:
  control::Checked<Whole> load(const std::string& lists) {
    return control::load_profile(schema(reader_),
                                 folder_.write("fw.yaml", kHead + "  threat_lists:\n" + lists));
  }
  Section loaded(const std::string& lists) {
    auto whole = load(lists);
    if (!whole) throw std::runtime_error(whole.error().to_string());
    return std::move(whole->own);
  }
  std::string refused(const std::string& lists) {
    const auto whole = load(lists);
    return whole ? std::string() : whole.error().to_string();
  }
  [[nodiscard]] std::string place(const std::string& where) const {
    return (folder_ / "fw.yaml") + ":" + where + ": ";
  }

  const Folder folder_;
  ThreatListReader reader_;
};

bool names(const Section& section, std::string_view address) {
  return !section.lists->find_address(*net::IpAddress::parse(address)).empty();
}

TEST_F(ThreatListProfile, SaysWhatEachListIs) {
  folder_.write("a.txt", "192.0.2.1\n2001:db8::/32\n");
  folder_.write("d.txt", "bad.example\n");
  folder_.write("u.txt", "http://bad.example/x\n");
  folder_.write("j.txt", "e7d705a3286e19ea42f587b344ee6865\n");
  const Section section = loaded(
      "    a: {type: addresses, file: a.txt}\n"
      "    d: {type: domains, file: d.txt, action: alert, severity: 3}\n"
      "    u: {type: urls, file: u.txt, action: reject}\n"
      "    j: {type: ja3, file: j.txt, action: drop}\n");
  ASSERT_NE(section.lists, nullptr);
  ASSERT_EQ(section.lists->size(), 4U);
  const auto is = [&](std::size_t i, std::string_view name, ListKind kind, ListAction action,
                      unsigned severity, std::size_t entries) {
    const auto& member = section.lists->member(i);
    EXPECT_EQ(member.name, name);
    EXPECT_EQ(member.list->kind(), kind) << name;
    EXPECT_EQ(static_cast<ListAction>(member.action), action) << name;
    EXPECT_EQ(member.severity, severity) << name;
    EXPECT_EQ(member.list->size(), entries) << name;
  };
  is(0, "a", ListKind::kAddress, ListAction::kDrop, 1, 2);
  is(1, "d", ListKind::kDomain, ListAction::kAlert, 3, 1);
  is(2, "u", ListKind::kUrl, ListAction::kReject, 1, 1);
  is(3, "j", ListKind::kJa3, ListAction::kDrop, 1, 1);
  EXPECT_EQ(section.threat_lists[0].path, folder_ / "a.txt");
  EXPECT_TRUE(names(section, "192.0.2.1"));
  EXPECT_TRUE(names(section, "2001:db8:1::1"));
  EXPECT_FALSE(names(section, "192.0.2.2"));
}

TEST_F(ThreatListProfile, WhenTheFileWasChanged) {
  const auto path = folder_.write("a.txt", "192.0.2.1\n");
  using Clock = std::filesystem::file_time_type::clock;
  const auto when = std::chrono::system_clock::from_time_t(1'700'000'000);
  std::filesystem::last_write_time(path, Clock::from_sys(when));
  EXPECT_EQ(loaded("    a: {type: addresses, file: a.txt}\n").threat_lists[0].modified, 1'700'000'000);
}

TEST_F(ThreatListProfile, WithoutListsThereIsNothingToAsk) {
  const auto whole = control::load_profile(schema(reader_), folder_.write("fw.yaml", kHead));
  ASSERT_TRUE(whole) << whole.error().to_string();
  EXPECT_EQ(whole->own.lists, nullptr);
}

TEST_F(ThreatListProfile, ALoadReadsWhatHasChangedAndSharesTheRest) {
  const std::string lists =
      "    same: {type: addresses, file: same.txt}\n    other: {type: addresses, file: other.txt}\n";
  folder_.write("same.txt", "192.0.2.1\n");
  folder_.write("other.txt", "192.0.2.2\n");
  const Section first = loaded(lists);
  folder_.write("other.txt", "192.0.2.3\n");
  const Section second = loaded(lists);
  EXPECT_EQ(first.lists->member(0).list, second.lists->member(0).list);
  EXPECT_NE(first.lists->member(1).list, second.lists->member(1).list);
  EXPECT_TRUE(names(first, "192.0.2.2"));  // those who still ask it are not disturbed
  EXPECT_FALSE(names(second, "192.0.2.2"));
  EXPECT_TRUE(names(second, "192.0.2.3"));
}

TEST_F(ThreatListProfile, ARefusedLoadForgetsNothing) {
  const std::string lists = "    a: {type: addresses, file: a.txt}\n";
  folder_.write("a.txt", "192.0.2.1\n");
  const Section first = loaded(lists);
  folder_.write("b.txt", "192.0.2.7\n");
  EXPECT_THAT(refused("    b: {type: addresses, file: b.txt}\n    c: {type: addresses, file: gone.txt}\n"),
              HasSubstr("gone.txt"));
  EXPECT_EQ(loaded(lists).lists->member(0).list, first.lists->member(0).list);
}

TEST_F(ThreatListProfile, ListsOfOneTextAreOne) {
  folder_.write("a.txt", "192.0.2.1\n");
  const Section section = loaded(
      "    tell: {type: addresses, file: a.txt, action: alert}\n    stop: {type: addresses, file: a.txt}\n");
  EXPECT_EQ(section.lists->member(0).list, section.lists->member(1).list);
  EXPECT_EQ(section.lists->find_address(*net::IpAddress::parse("192.0.2.1")).count(), 2U);
}

TEST_F(ThreatListProfile, WhatCanNotBeReadIsToldWithItsPlace) {
  folder_.write("bad.txt", "# nothing\nexample.org\n192.0.2.300\n");
  const std::string told = refused(
      "    missing: {type: addresses, file: gone.txt}\n"
      "    folder: {type: domains, file: .}\n"
      "    bad: {type: addresses, file: bad.txt}\n");
  EXPECT_EQ(told, place("13:38") + "cannot read '" + (folder_ / "gone.txt") +
                      "': No such file or directory; give the path of a text file with an entry per line\n" +
                      place("14:35") + "cannot read '" + (folder_ / ".") +
                      "': it is a directory; give the path of a text file with an entry per line\n" +
                      place("15:34") + (folder_ / "bad.txt") +
                      ":2: load list 'bad': none of its lines is good; the first that is not: 'example.org' "
                      "is no address; give an address or a prefix, such as 192.0.2.1 or 2001:db8::/32\n");
}

TEST_F(ThreatListProfile, MistakesInTheProfileAndInFilesAreToldTogether) {
  const std::string told = refused(
      "    a: {type: address, file: a.txt}\n    b: {type: addresses, file: gone.txt}\n"
      "    c: {type: addresses}\n    d: {type: urls, file: x, action: accept}\n"
      "    e: {type: urls, file: x, severity: 5}\n    f: {type: urls, file: x, serverity: 2}\n");
  for (const std::string& each :
       {place("13:15") + "type: 'address' is not possible; did you mean 'addresses'?",
        place("14:32") + "cannot read", place("15:8") + "threat_list lacks 'file'",
        place("16:38") + "action: 'accept' is not possible; give drop, alert or reject",
        place("17:40") + "severity: '5' is out of range; give an integer from 1 to 4",
        place("18:30") + "unknown key 'serverity' in threat_list; did you mean 'severity'?"})
    EXPECT_THAT(told, HasSubstr(each));
}

TEST_F(ThreatListProfile, ThereAreAtMost64) {
  folder_.write("a.txt", "192.0.2.1\n");
  std::string lists;
  for (int i = 1; i <= 64; ++i) lists += fmt::format("    l{}: {{type: addresses, file: a.txt}}\n", i);
  EXPECT_EQ(loaded(lists).lists->find_address(*net::IpAddress::parse("192.0.2.1")).count(), 64U);
  EXPECT_EQ(refused(lists + "    one-more: {type: addresses, file: a.txt}\n"),
            place("77:15") + "65 threat lists, and at most 64 are possible; put some into one file\n");
}

TEST_F(ThreatListProfile, ANameIsGivenOnce) {
  folder_.write("a.txt", "192.0.2.1\n");
  EXPECT_THAT(refused("    a: {type: addresses, file: a.txt}\n    a: {type: addresses, file: a.txt}\n"),
              HasSubstr(place("14:5") + "key 'a' is given twice, first in line 13"));
}

TEST_F(ThreatListProfile, AHundredThousandEntriesOfEachFamily) {
  std::string text;
  for (unsigned i = 0; i < 100'000; ++i)
    text +=
        fmt::format("10.{}.{}.{}\n2001:db8:{:x}::{:x}\n", i >> 16, i >> 8 & 255, i & 255, i >> 8, i & 255);
  folder_.write("many.txt", text);
  const std::string lists = "    many: {type: addresses, file: many.txt}\n";
  const Section section = loaded(lists);
  EXPECT_EQ(section.lists->member(0).list->bad_lines, 0U);
  for (const unsigned i : {0U, 1U, 255U, 256U, 65'535U, 65'536U, 99'999U}) {
    EXPECT_TRUE(names(section, fmt::format("10.{}.{}.{}", i >> 16, i >> 8 & 255, i & 255))) << i;
    EXPECT_TRUE(names(section, fmt::format("2001:db8:{:x}::{:x}", i >> 8, i & 255))) << i;
  }
  EXPECT_FALSE(names(section, "10.1.134.160"));
  EXPECT_FALSE(names(section, "2001:db8:186::a0"));
  EXPECT_EQ(loaded(lists).lists->member(0).list, section.lists->member(0).list);
}

// Whoever checks text of others lets it name no file.
TEST_F(ThreatListProfile, WithoutFilesThereAreNoLists) {
  const auto whole =
      control::parse_profile(schema(reader_), kHead + "  threat_lists: {a: {type: addresses, file: a.txt}}\n",
                             "fw.yaml", control::no_files());
  ASSERT_FALSE(whole);
  EXPECT_THAT(whole.error().to_string(), HasSubstr("fw.yaml:12:45: cannot use file a.txt"));
}

}  // namespace
}  // namespace millrace::firewall::profile
