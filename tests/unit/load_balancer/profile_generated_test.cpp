// SPDX-License-Identifier: BSD-3-Clause
// The pages that are generated from the profile's table are what the table gives.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "common/control/profile/section.h"
#include "vnfs/load_balancer/profile.h"

namespace millrace::load_balancer::profile {
namespace {

// docs/profile.load_balancer.md and the JSON Schema are generated; MILLRACE_UPDATE=1 in the environment
// writes them anew.
void expect_generated(const std::string& name, const std::string& wanted) {
  const std::string path = std::string(MILLRACE_SOURCE_DIR) + "/docs/" + name;
  if (const char* update = std::getenv("MILLRACE_UPDATE");
      update != nullptr && std::string_view(update) == "1") {
    std::ofstream(path, std::ios::binary) << wanted;
  }
  std::ifstream file(path, std::ios::binary);
  std::stringstream found;
  found << file.rdbuf();
  EXPECT_EQ(found.str(), wanted) << "docs/" << name << " is not what the table gives; run this test with "
                                 << "MILLRACE_UPDATE=1 and commit the result";
}

TEST(Generated, ReferencePageIsUpToDate) {
  expect_generated("profile.load_balancer.md",
                   control::to_markdown(schema().whole()->shape(), "The profile of the load balancer"));
}

TEST(Generated, JsonSchemaIsUpToDate) {
  expect_generated(
      "profile.load_balancer.schema.json",
      control::to_json_schema(schema().whole()->shape(), "Profile of the Millrace load balancer"));
}

}  // namespace
}  // namespace millrace::load_balancer::profile
