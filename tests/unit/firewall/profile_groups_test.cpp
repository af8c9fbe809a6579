// SPDX-License-Identifier: BSD-3-Clause
// Groups of addresses, from lists, files and databases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <maxminddb.h>

#include "tests/unit/firewall/mmdb_writer.h"
#include "tests/unit/firewall/profile_fixture.h"
#include "vnfs/firewall/profile.h"
#include "vnfs/firewall/profile_types.h"

namespace millrace::firewall::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Groups, ArePutTogetherSortedWithoutWhatLiesWithin) {
  const Folder folder;
  folder.write("list.txt", "# comment\n\n 10.0.0.0/8 # ten\r\n2001:db8::/32\n192.0.2.1-192.0.2.2\n");
  const auto loaded = control::load_profile(schema(), folder.write("fw.yaml", kHead + R"(
  groups:
    late: ["@early", 10.1.0.0/16, 172.16.0.0/12]
    early: ["2001:db8:1::/48", {file: list.txt}, 192.0.2.0/30]
    none: []
)"));
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_THAT(texts(loaded->own.group("early")->prefixes),
              ElementsAre("10.0.0.0/8", "192.0.2.0/30", "2001:db8::/32"));
  EXPECT_THAT(texts(loaded->own.group("late")->prefixes),
              ElementsAre("10.0.0.0/8", "172.16.0.0/12", "192.0.2.0/30", "2001:db8::/32"));
  EXPECT_THAT(loaded->own.group("none")->prefixes, IsEmpty());
}

TEST(Groups, ErrorsInFilesStandInTheFile) {
  const Folder folder;
  folder.write("list.txt", "10.0.0.0/8\n  10.0.0.1/8\n\xff\xfe\n# fine\n10.0.0.9-10.0.0.1\n");
  const auto loaded = control::load_profile(
      schema(),
      folder.write("fw.yaml",
                   kHead + "  groups: {a: {file: list.txt}, b: {file: nowhere.txt}, c: {file: .}}\n"));
  ASSERT_FALSE(loaded);
  const std::string at = folder / "list.txt";
  EXPECT_EQ(
      loaded.error().to_string(),
      (folder / "fw.yaml") + ":12:43: cannot read '" + (folder / "nowhere.txt") +
          "': No such file or directory; give the path of a text file with one address or prefix per line\n" +
          (folder / "fw.yaml") + ":12:67: cannot read '" + (folder / ".") +
          "': it is a directory; give the path of a text file with one address or prefix per line\n" + at +
          ":2:3: '10.0.0.1/8' has bits set beyond its length, where 10.0.0.0/8 has none; give one address, "
          "prefix "
          "or range per line\n" +
          at +
          ":3:1: '?\?' is not an address, prefix or range; give one address, prefix or range per line\n" +
          at +
          ":5:1: '10.0.0.9-10.0.0.1' is a range whose end is before its start; give one address, prefix or "
          "range "
          "per line\n");
}

TEST(Groups, HoldAMillionPrefixesAndNoMore) {
  const Folder folder;
  std::string lines;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    lines += net::IpAddress(net::Ipv4Address{be32(0x0a000000U + 2 * i)}).to_string() + "\n";
  }
  folder.write("million.txt", lines);
  folder.write("more.txt", lines + "192.0.2.1\n");
  const auto loaded = control::load_profile(
      schema(), folder.write("fw.yaml", kHead + "  groups: {a: {file: million.txt}}\n"));
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_THAT(loaded->own.group("a")->prefixes, SizeIs(1'000'000));
  const auto more =
      control::load_profile(schema(), folder.write("fw2.yaml", kHead + "  groups: {a: {file: more.txt}}\n"));
  ASSERT_FALSE(more);
  EXPECT_THAT(more.error().to_string(), HasSubstr("more.txt:1000001:1: more than 1000000 prefixes"));
}

// libmaxminddb's own lookup is the oracle for the walk.
TEST(GeoIp, GivesTheNetworksOfCountries) {
  const Folder folder;
  testing_support::MmdbWriter writer;
  const std::pair<const char*, const char*> networks[] = {
      {"1.0.0.0/24", "SE"},     {"1.0.1.0/24", "DE"},    {"89.160.0.0/17", "SE"},
      {"203.0.113.7/32", "NO"}, {"2001:db8::/32", "SE"}, {"2001:db9:8000::/33", "NO"},
      {"2a00::/12", "DE"}};
  for (const auto& [prefix, country] : networks) writer.add(*net::Prefix::parse(prefix), country);
  writer.alias_v4(*net::Prefix::parse("::ffff:0:0/96"));
  writer.alias_v4(*net::Prefix::parse("2002::/16"));
  folder.write("geo.mmdb", writer.file());
  const auto loaded = control::load_profile(
      schema(),
      folder.write("fw.yaml",
                   kHead + "  groups: {nordic: {geoip: {database: geo.mmdb, countries: [SE, NO]}}}\n"));
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const auto& prefixes = loaded->own.group("nordic")->prefixes;
  EXPECT_THAT(texts(prefixes), ElementsAre("1.0.0.0/24", "89.160.0.0/17", "203.0.113.7/32", "2001:db8::/32",
                                           "2001:db9:8000::/33"));
  MMDB_s database{};
  ASSERT_EQ(MMDB_open((folder / "geo.mmdb").c_str(), MMDB_MODE_MMAP, &database), MMDB_SUCCESS);
  for (const char* text :
       {"1.0.0.0", "1.0.0.255", "1.0.1.0", "0.255.255.255", "89.160.127.255", "89.160.128.0", "203.0.113.7",
        "203.0.113.6", "2001:db8::1", "2001:db9::1", "2001:db9:8000::1", "2a00::1"}) {
    int gai = 0;
    int error = 0;
    MMDB_lookup_result_s result = MMDB_lookup_string(&database, text, &gai, &error);
    ASSERT_EQ(gai, 0);
    ASSERT_EQ(error, MMDB_SUCCESS);
    std::string country;
    MMDB_entry_data_s code{};
    if (result.found_entry &&
        MMDB_get_value(&result.entry, &code, "country", "iso_code", nullptr) == MMDB_SUCCESS &&
        code.has_data) {
      country.assign(code.utf8_string, code.data_size);
    }
    const auto address = net::IpAddress::parse(text);
    EXPECT_EQ(std::ranges::any_of(prefixes, [&](const auto& prefix) { return prefix.contains(*address); }),
              country == "SE" || country == "NO")
        << text;
  }
  MMDB_close(&database);
}

TEST(GeoIp, SaysWhatIsWrongWithTheDatabase) {
  const Folder folder;
  testing_support::MmdbWriter writer;
  writer.add(*net::Prefix::parse("1.0.0.0/24"), "SE");
  const std::string good = writer.file();
  folder.write("geo.mmdb", good);
  folder.write("text.mmdb", "hello");
  const auto message = [&](const std::string& group) {
    const auto loaded = control::load_profile(
        schema(), folder.write("fw.yaml", kHead + "  groups: {g: {geoip: " + group + "}}\n"));
    return loaded ? std::string("fine") : loaded.error().to_string();
  };
  EXPECT_THAT(message("{database: geo.mmdb, countries: SE}"), "fine");
  EXPECT_THAT(message("{database: geo.mmdb, countries: [SE, XX]}"),
              HasSubstr("fw.yaml:12:60: country 'XX' has no network in"));
  EXPECT_THAT(message("{database: none.mmdb, countries: SE}"), HasSubstr("fw.yaml:12:34: "));
  EXPECT_THAT(message("{database: none.mmdb, countries: SE}"),
              HasSubstr("none.mmdb': it is not a file; give"));
  EXPECT_THAT(message("{database: text.mmdb, countries: SE}"), HasSubstr("fw.yaml:12:34: "));
  // A tree that leads back to its own root.
  std::string loop = good;
  loop[2] = '\0';
  loop[1] = '\0';
  loop[0] = '\0';
  folder.write("loop.mmdb", loop);
  EXPECT_THAT(message("{database: loop.mmdb, countries: SE}"), HasSubstr("it is damaged; give"));
}

}  // namespace
}  // namespace millrace::firewall::profile
