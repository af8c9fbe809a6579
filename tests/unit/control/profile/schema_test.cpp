// SPDX-License-Identifier: BSD-3-Clause
// The table engine, on a small table of its own.
#include "common/control/profile/schema.h"

#include <boost/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/control/profile/types.h"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum class Color : std::uint8_t { kRed, kGreen };

struct Leg {
  Located<std::string> name;
  std::uint8_t length = 7;
};

struct Table {
  Position at;
  std::string name;
  Color color = Color::kGreen;
  bool round = true;
  std::optional<std::uint64_t> weight;
  std::vector<Located<std::uint16_t>> holes{{.value = 4, .at = {}}, {.value = 9, .at = {}}};
  Milliseconds warranty = 1h;
  std::vector<Leg> legs;
};

std::shared_ptr<const Struct<Table>> table_of_tables() {
  auto leg = std::make_shared<Struct<Leg>>("leg", "What it stands on.");
  leg->field("length", &Leg::length, integer<std::uint8_t>(1, 99), "In centimetres.");
  auto table = std::make_shared<Struct<Table>>("table", "A piece of furniture.");
  table->position(&Table::at);
  table->field("name", &Table::name, name("a name"), "What it is called.", kRequired);
  table->field("color", &Table::color,
               choice<Color>({{"red", Color::kRed, "like wine"},
                              {"green", Color::kGreen, "like grass"},
                              {"blue", Color::kRed, "", Fault{"is sold out", "red or green"}}}),
               "Its color.");
  table->field("round", &Table::round, boolean(), "Whether it has no corners.");
  table->field("weight", &Table::weight, size(1, 1U << 20U), "How heavy.", absent_means("unknown"));
  table->field("holes", &Table::holes, integer<std::uint16_t>(1, 9), "Where it is pierced.");
  table->field("warranty", &Table::warranty, duration(1s, 24h), "For how long it holds.");
  table->field("legs", &Table::legs, std::make_shared<MapType<Leg>>(&Leg::name, name("a leg"), leg, true),
               "Its legs.");
  table->refuse("drawer", "tables have no drawers; give a desk");
  return table;
}

struct Read {
  Table table;
  Diagnostics diagnostics{"t.yaml"};
  bool good = false;
  explicit Read(std::string_view text) {
    Reader reader(diagnostics);
    const auto document = Document::parse(text, diagnostics);
    good = document && table_of_tables()->read(document->root(), table, reader);
    EXPECT_EQ(good, diagnostics.empty()) << diagnostics.to_string();
  }
};

TEST(Schema, ReadsWhatTheTableSays) {
  const Read read(
      "name: desk\ncolor: red\nround: false\nweight: 2KiB\nholes: [3, 4]\nlegs: {left: {length: 70}, "
      "right: {}}\n");
  ASSERT_TRUE(read.good) << read.diagnostics.to_string();
  EXPECT_EQ(read.table.at, (Position{1, 1}));
  EXPECT_EQ(read.table.name, "desk");
  EXPECT_EQ(read.table.color, Color::kRed);
  EXPECT_FALSE(read.table.round);
  EXPECT_EQ(read.table.weight, 2048U);
  ASSERT_EQ(read.table.holes.size(), 2U);
  EXPECT_EQ(*read.table.holes[1], 4);
  EXPECT_EQ(read.table.holes[1].at, (Position{5, 12}));
  EXPECT_EQ(read.table.warranty, 1h);
  ASSERT_EQ(read.table.legs.size(), 2U);
  EXPECT_EQ(*read.table.legs[0].name, "left");
  EXPECT_EQ(read.table.legs[0].name.at, (Position{6, 8}));
  EXPECT_EQ(read.table.legs[0].length, 70);
  EXPECT_EQ(read.table.legs[1].length, 7);
}

TEST(Schema, AScalarIsAListOfOne) {
  const Read read("{name: x, holes: 5}");
  ASSERT_TRUE(read.good);
  ASSERT_EQ(read.table.holes.size(), 1U);
  EXPECT_EQ(*read.table.holes[0], 5);
}

TEST(Schema, ReportsEveryErrorAtItsPlace) {
  const Read read(
      "colour: red\n"
      "color: blue\n"
      "round: yes\n"
      "weight: 2\n"
      "holes: [1, 10, x, \"2\", 3]\n"
      "warranty:\n"
      "legs: {a b: {}, c: {length: 0, lenght: 3}, d: 1}\n"
      "drawer: 1\n");
  EXPECT_EQ(
      read.diagnostics.to_string(),
      "t.yaml:1:1: unknown key 'colour' in table; did you mean 'color'? known keys are name, color, round, "
      "weight, holes, warranty, legs\n"
      "t.yaml:2:8: color: 'blue' is sold out; give red or green\n"
      "t.yaml:3:8: round: 'yes' is neither true nor false; give true or false\n"
      "t.yaml:4:9: weight: '2' is not a size; give a size from 1B to 1MiB, such as 64KiB, 512MiB or 1GiB\n"
      "t.yaml:5:12: holes: '10' is out of range; give an integer from 1 to 9\n"
      "t.yaml:5:16: holes: 'x' is not an integer; give an integer from 1 to 9\n"
      "t.yaml:5:19: holes: '2' is text because of its quotes; give an integer from 1 to 9\n"
      "t.yaml:6:1: warranty: there is no value; give a time from 1s to 1d, such as 500ms, 30s, 4m or 2h4m\n"
      "t.yaml:7:8: legs: 'a b' is not a name; give a leg (1 to 63 letters, digits, '_', '-' and '.', the "
      "first "
      "no '-' or '.')\n"
      "t.yaml:7:29: length: '0' is out of range; give an integer from 1 to 99\n"
      "t.yaml:7:32: unknown key 'lenght' in leg; did you mean 'length'? known keys are length\n"
      "t.yaml:7:47: d: '1' does not fit; give leg as a mapping with the keys length\n"
      "t.yaml:8:1: tables have no drawers; give a desk\n"
      "t.yaml:1:1: table lacks 'name'; give name: a name (1 to 63 letters, digits, '_', '-' and '.', the "
      "first "
      "no '-' or '.')\n");
  // What could be read is there for later checks.
  ASSERT_EQ(read.table.holes.size(), 2U);
  EXPECT_EQ(*read.table.holes[1], 3);
}

TEST(Schema, ReportsTheWrongKindOfValue) {
  EXPECT_EQ(Read("[1]").diagnostics.to_string(),
            "t.yaml:1:1: a list does not fit; give table as a mapping with the keys name, color, round, "
            "weight, holes, "
            "warranty, legs\n");
  EXPECT_EQ(Read("{name: [a]}").diagnostics.to_string().substr(0, 38),
            "t.yaml:1:8: name: a list does not fit;");
  EXPECT_EQ(Read("{name: x, round: {a: 1}}").diagnostics.to_string(),
            "t.yaml:1:18: round: a mapping does not fit; give true or false\n");
  EXPECT_THAT(Read("{name: x, color: grene}").diagnostics.to_string(),
              HasSubstr("did you mean 'green'? give red or green"));
  EXPECT_THAT(Read("{name: x, holes: 99999999999999999999}").diagnostics.to_string(),
              HasSubstr("is out of range"));
}

TEST(Schema, ATagIsOneErrorOnly) {
  EXPECT_EQ(Read("{name: !x y, round: !z }").diagnostics.entries().size(), 2U);
}

TEST(Schema, DescribesItselfToEditors) {
  const auto json = boost::json::parse(to_json_schema(table_of_tables()->shape(), "Furniture"));
  EXPECT_EQ(json.at("$schema"), "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(json.at("additionalProperties"), false);
  EXPECT_EQ(json.at("required"), boost::json::array{"name"});
  const auto& properties = json.at("properties");
  EXPECT_EQ(properties.at("color").at("enum"), (boost::json::array{"red", "green"}));
  EXPECT_EQ(properties.at("color").at("default"), "green");
  EXPECT_EQ(properties.at("round").at("default"), true);
  EXPECT_EQ(properties.at("warranty").at("default"), "1h");
  EXPECT_EQ(properties.at("holes").at("default"), (boost::json::array{4, 9}));
  EXPECT_FALSE(properties.at("weight").as_object().contains("default"));
  const auto& item = properties.at("holes").at("anyOf").at(0);
  EXPECT_EQ(item.at("minimum"), 1);
  EXPECT_EQ(item.at("maximum"), 9);
  EXPECT_EQ(json.at("$defs").at("leg").at("properties").at("length").at("description"), "In centimetres.");
}

TEST(Schema, DescribesItselfToPeople) {
  const std::string page = to_markdown(table_of_tables()->shape(), "Furniture");
  EXPECT_THAT(page, HasSubstr("# Furniture\n"));
  EXPECT_THAT(
      page,
      HasSubstr("| `color` | `red`, `green` | `green` | Its color.<br>`red`: like wine<br>`green`: like "
                "grass |\n"));
  EXPECT_THAT(page,
              HasSubstr("| `weight` | A size from 1B to 1MiB, such as 64KiB, 512MiB or 1GiB | unknown |"));
  EXPECT_THAT(page, HasSubstr("## `legs.NAME`\n\nWhat it stands on.\n"));
}

TEST(Types, EndpointsTakeNamesAndBothFamilies) {
  const auto type = endpoint();
  Diagnostics diagnostics("t");
  Reader reader(diagnostics);
  const auto read = [&](const char* text) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.text = text;
    Endpoint out;
    return type->read(node, out, reader) ? std::optional(out) : std::nullopt;
  };
  EXPECT_EQ(read("192.0.2.50:4739"), (Endpoint{"192.0.2.50", 4739}));
  EXPECT_EQ(read("[2001:db8::50]:4739"), (Endpoint{"2001:db8::50", 4739}));
  EXPECT_EQ(read("flows.example.net:1"), (Endpoint{"flows.example.net", 1}));
  for (const char* bad :
       {"", "host", "host:", ":1", "host:0", "host:65536", "2001:db8::50:4739", "[::1:4739", "a b:1"}) {
    EXPECT_FALSE(read(bad)) << bad;
  }
  EXPECT_EQ(type->show({"2001:db8::50", 4739}), "[2001:db8::50]:4739");
}

}  // namespace
}  // namespace millrace::control
