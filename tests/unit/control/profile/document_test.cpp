// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::control {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Parsed {
  Diagnostics diagnostics{"f.yaml"};
  std::optional<Document> document;
  explicit Parsed(std::string_view text) : document(Document::parse(text, diagnostics)) {}
};

TEST(Document, KnowsWhereEveryValueStands) {
  const Parsed parsed("a: 1\nb:\n  - x\n  - {k: \"v\",   l: [2]}\nc:\n");
  ASSERT_TRUE(parsed.document);
  const Node& root = parsed.document->root();
  ASSERT_THAT(root.entries, SizeIs(3));
  EXPECT_EQ(root.at, (Position{1, 1}));
  EXPECT_EQ(root.entries[0].key->at, (Position{1, 1}));
  EXPECT_EQ(root.entries[0].value->at, (Position{1, 4}));
  const Node& list = *root.entries[1].value;
  ASSERT_THAT(list.items, SizeIs(2));
  EXPECT_EQ(list.items[0]->at, (Position{3, 5}));
  EXPECT_FALSE(list.items[0]->quoted);
  const Node& map = *list.items[1];
  EXPECT_EQ(map.at, (Position{4, 5}));
  EXPECT_EQ(map.entries[0].value->at, (Position{4, 9}));
  EXPECT_TRUE(map.entries[0].value->quoted);
  EXPECT_EQ(map.entries[1].value->items[0]->at, (Position{4, 20}));
  EXPECT_EQ(root.entries[2].value->kind, Node::Kind::kNull);
  EXPECT_EQ(root.entries[2].value->at, (Position{5, 1}));  // of its key: there is nothing else to point at
}

TEST(Document, CountsColumnsInCharacters) {
  const Parsed parsed("{\"\xc3\xa9\xe2\x82\xac\": 1, b: 2, \xf0\x9f\x98\x80: 3,\n \xc3\xa9: x}\n");
  ASSERT_TRUE(parsed.document);
  const auto& entries = parsed.document->root().entries;
  ASSERT_THAT(entries, SizeIs(4));
  EXPECT_EQ(entries[1].value->at, (Position{1, 14}));
  EXPECT_EQ(entries[2].value->at, (Position{1, 20}));
  EXPECT_EQ(entries[3].value->at, (Position{2, 5}));
}

TEST(Document, TakesByteOrderMarkAndCarriageReturns) {
  const Parsed parsed(
      "\xef\xbb\xbf"
      "a: 1\r\nb: 2\r\n");
  ASSERT_TRUE(parsed.document);
  ASSERT_THAT(parsed.document->root().entries, SizeIs(2));
  EXPECT_EQ(parsed.document->root().entries[0].key->at, (Position{1, 1}));
  EXPECT_EQ(parsed.document->root().entries[1].value->at, (Position{2, 4}));
  EXPECT_EQ(parsed.document->root().entries[1].value->text, "2");
}

TEST(Document, FollowsAliases) {
  const Parsed parsed("a: &x [1, 2]\nb: *x\n");
  ASSERT_TRUE(parsed.document);
  EXPECT_EQ(parsed.document->root().entries[1].value, parsed.document->root().entries[0].value);
}

struct Bad {
  const char* text;
  const char* where;
  const char* what;
};

TEST(Document, ReportsWhatIsNotYaml) {
  const Bad table[] = {
      {"", "f.yaml:1:1: ", "empty"},
      {"# only a comment\n", "f.yaml:1:1: ", "empty"},
      {"a: 1\na: 2\n", "f.yaml:2:1: ", "key 'a' is given twice, first in line 1"},
      {"{x: {a: 1, b: 2, a: 3}}", "f.yaml:1:18: ", "given twice"},
      {"a: [1, 2\n", "f.yaml:2:1: ", "not valid YAML"},
      {"a: \"x\n", "f.yaml:1:4: ", "this quote is not closed"},
      {"{a: 'it''s", "f.yaml:1:11: ", "not valid YAML"},
      {"a: \"\\\"\n", "f.yaml:1:4: ", "not closed"},
      {"a: @g\n", "f.yaml:1:4: ", "a value that starts with @ must be in double quotes"},
      {"a:\n\t- b\n", "f.yaml:2:2: ", "indent with spaces"},
      {"a: 1\n b: 2\n", "f.yaml:2:3: ", "not valid YAML"},
      {"a: !10.0.0.0/8\n", "f.yaml:1:4: ", "put the value in double quotes"},
      {"a: !!str 3\n", "f.yaml:1:4: ", "type tag"},
      {"a: 1\n---\nb: 2\n", "f.yaml:1:4: ", "second YAML document"},
      {"? [a, b]\n: c\n", "f.yaml:1:3: ", "key must be a plain word"},
      {"a: &x [*x]\n", "f.yaml:1:8: ", "inside the value it names"},
      {"a: *x\n", "f.yaml:1:4: ", "not valid YAML"},
      {"a: b\xff\n", "f.yaml:1:5: ", "not text"},
      {"a: b\n\xc3\xa9\xed\xa0\x80\n", "f.yaml:2:2: ", "not text"},  // a surrogate
      {"\xff\xfe"
       "a",
       "f.yaml:1:1: ", "not text"},  // UTF-16
  };
  for (const Bad& bad : table) {
    const Parsed parsed(bad.text);
    ASSERT_THAT(parsed.diagnostics.entries(), SizeIs(1)) << bad.text << parsed.diagnostics.to_string();
    EXPECT_THAT(parsed.diagnostics.to_string(), ::testing::StartsWith(bad.where)) << bad.text;
    EXPECT_THAT(parsed.diagnostics.to_string(), HasSubstr(bad.what)) << bad.text;
  }
  EXPECT_THAT(Parsed(std::string_view("a\0b", 3)).diagnostics.to_string(),
              HasSubstr("f.yaml:1:2: this byte"));
}

TEST(Document, BoundsWhatAHostileTextCosts) {
  EXPECT_THAT(Parsed(std::string(100, '[') + std::string(100, ']')).diagnostics.to_string(),
              HasSubstr("f.yaml:1:33: nested"));
  EXPECT_THAT(Parsed(std::string(100'000, '[')).diagnostics.to_string(),
              HasSubstr("nested more than 32 deep"));
  std::string nested;
  for (int i = 0; i < 50'000; ++i) nested += "{a: ";
  EXPECT_THAT(Parsed(nested).diagnostics.to_string(), HasSubstr("nested more than 32 deep"));

  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'o'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) bomb += std::string(i == 0 ? "*" : ",*") + static_cast<char>(c - 1);
    bomb += "]\n";
  }
  // Six levels of ten are a million values.
  EXPECT_THAT(Parsed(bomb).diagnostics.to_string(), HasSubstr("f.yaml:6:"));
  EXPECT_THAT(Parsed(bomb).diagnostics.to_string(), HasSubstr("more than 1000000 values"));

  std::string many = "[";
  for (int i = 0; i < 1'000'001; ++i) many += "a,";
  EXPECT_THAT(Parsed(many + "]").diagnostics.to_string(), HasSubstr("more than 1000000 values"));
  EXPECT_THAT(Parsed(std::string(Document::kMostBytes + 1, 'a')).diagnostics.to_string(),
              HasSubstr("f.yaml: the text has 16777217 bytes"));
}

TEST(Diagnostics, KeepsABoundedNumberAndSaysSo) {
  Diagnostics diagnostics("f.yaml");
  for (std::uint32_t i = 0; i < Diagnostics::kMost + 5; ++i) diagnostics.error({i + 1, 1}, "x");
  EXPECT_THAT(diagnostics.entries(), SizeIs(Diagnostics::kMost));
  EXPECT_THAT(diagnostics.to_string(), HasSubstr("f.yaml: 5 further errors are not shown\n"));
}

TEST(Diagnostics, SortsByPlaceTheProfileFirst) {
  Diagnostics diagnostics("z.yaml");
  diagnostics.error("a.txt", {1, 1}, "third");
  diagnostics.error({10, 1}, "second");
  diagnostics.error({9, 20}, "first");
  diagnostics.sort();
  EXPECT_EQ(diagnostics.to_string(), "z.yaml:9:20: first\nz.yaml:10:1: second\na.txt:1:1: third\n");
}

}  // namespace
}  // namespace millrace::control
