// SPDX-License-Identifier: BSD-3-Clause
// The tables of docs/signatures.md are those of the code; MILLRACE_UPDATE=1 in the environment writes them
// anew.
#include "vnfs/firewall/inspection/signature_keywords.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "vnfs/firewall/inspection/buffer.h"

namespace millrace::firewall::inspection {
namespace {

std::string keywords() {
  std::string table = "| keyword | what |\n| --- | --- |\n";
  for (const auto keywords : {content_keywords(), byte_keywords(), other_keywords()}) {
    for (const Keyword& keyword : keywords)
      table += fmt::format("| `{}` | {} |\n", keyword.name, keyword.about);
  }
  return table;
}

std::string refused() {
  std::string table = "| keywords | why not |\n| --- | --- |\n";
  for (const RefusedKeywords& group : refused_keywords()) {
    std::string names;
    for (const std::string_view name : group.names)
      names += fmt::format("{}`{}`", names.empty() ? "" : ", ", name);
    table += fmt::format("| {} | {} |\n", names, group.why);
  }
  return table;
}

std::string buffers() {
  std::string table = "| buffer | as a modifier | of |\n| --- | --- | --- |\n";
  for (std::size_t i = 1; i < kBuffers; ++i) {
    const auto buffer = static_cast<Buffer>(i);
    const BufferFacts& facts = facts_of(buffer);
    const std::string modifier = facts.modifier.empty() ? "" : fmt::format("`{}`", facts.modifier);
    const char* side = facts.side == Side::kClient   ? "client"
                       : facts.side == Side::kServer ? "server"
                                                     : "either side";
    table += fmt::format("| `{}` | {} | {} |\n", facts.name, modifier, side);
  }
  return table;
}

// The text between two marks.
void replace(std::string& page, const std::string& name, const std::string& with) {
  const std::string begin = fmt::format("<!-- {} -->\n", name);
  const auto from = page.find(begin);
  const auto to = page.find("<!-- end -->", from);
  ASSERT_NE(to, std::string::npos) << name;
  page.replace(from + begin.size(), to - from - begin.size(), with);
}

TEST(SignaturesPage, HasTheTablesOfTheCode) {
  const std::string path = std::string(MILLRACE_SOURCE_DIR) + "/docs/signatures.md";
  std::stringstream found;
  found << std::ifstream(path, std::ios::binary).rdbuf();
  std::string wanted = found.str();
  replace(wanted, "keywords", keywords());
  replace(wanted, "refused", refused());
  replace(wanted, "buffers", buffers());
  if (const char* update = std::getenv("MILLRACE_UPDATE");
      update != nullptr && std::string_view(update) == "1")
    std::ofstream(path, std::ios::binary) << wanted;
  else
    EXPECT_EQ(found.str(), wanted) << "run this test with MILLRACE_UPDATE=1 and commit the result";
}

}  // namespace
}  // namespace millrace::firewall::inspection
