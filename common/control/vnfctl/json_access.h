// SPDX-License-Identifier: BSD-3-Clause
// Members of an answer, read forgivingly: an older or newer appliance may lack some.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace millrace::vnfctl {

// The member, "packets.forward" deep, or null.
[[nodiscard]] const boost::json::value* find(const boost::json::value& value, std::string_view path);
// A text as it is, other scalars as JSON writes them, "-" when absent or null.
[[nodiscard]] std::string text_at(const boost::json::value& value, std::string_view path);
// 0 when absent or not a number.
[[nodiscard]] double number_at(const boost::json::value& value, std::string_view path);
[[nodiscard]] bool flag_at(const boost::json::value& value, std::string_view path);
// Empty when absent or not an array.
[[nodiscard]] const boost::json::array& array_at(const boost::json::value& value, std::string_view path);

// An integer where the number is one; null, which JSON has, for NaN and infinity, which it has not.
[[nodiscard]] boost::json::value json_number(double number);

[[nodiscard]] std::string to_text(const boost::json::value& scalar);
// Indented by two spaces a level, ended by a newline.
[[nodiscard]] std::string pretty(const boost::json::value& value);

}  // namespace millrace::vnfctl
