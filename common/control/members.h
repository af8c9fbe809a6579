// SPDX-License-Identifier: BSD-3-Clause
// Reads the members of a JSON object, or the parameters of a query, one by one, strictly. The first thing
// that is wrong is kept; its Error::where is the member, "match.port".
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/http/named_values.h"

namespace millrace::control {

class Members {
 public:
  explicit Members(boost::json::object object, std::string path = {});
  // Values are text: numbers and true/false are read from it. A parameter given twice is wrong.
  [[nodiscard]] static Members of_query(const http::Parameters& query);

  // Nothing when the member is absent, or wrong.
  [[nodiscard]] std::optional<std::string> text(std::string_view name);
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name, std::uint64_t least,
                                                    std::uint64_t most);
  [[nodiscard]] std::optional<bool> boolean(std::string_view name);
  // The members of an object within.
  [[nodiscard]] std::optional<Members> object(std::string_view name);
  // A text or a whole number, as text.
  [[nodiscard]] std::optional<std::string> text_or_number(std::string_view name);

  // Says that a member is wrong: "is not ...", "must be ...".
  void refuse(std::string_view name, std::string reason);
  // Takes over what was found wrong in an object within.
  void adopt(Members& within);

  // The first thing wrong; members that nobody asked for are.
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] const boost::json::value* take(std::string_view name);
  [[nodiscard]] std::string full_name(std::string_view name) const;

  boost::json::object object_;
  std::string path_;
  bool textual_ = false;
  std::set<std::string, std::less<>> asked_;
  std::optional<Error> wrong_;
};

}  // namespace millrace::control
