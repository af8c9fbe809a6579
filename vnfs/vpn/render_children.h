// SPDX-License-Identifier: BSD-3-Clause
// Words of VICI that settings for charon are made of, and the children of a connection: what its tunnels
// carry.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "vnfs/vpn/profile.h"

namespace millrace::vpn {

[[nodiscard]] std::string seconds(control::Milliseconds time);  // "3600s"

// From when something of this age is to be renewed to its end: time for a peer that answers late.
[[nodiscard]] control::Milliseconds time_to_renew(control::Milliseconds age);

template <class T, class Text>
[[nodiscard]] boost::json::array list(const std::vector<T>& all, Text text) {
  boost::json::array out;
  for (const T& one : all) out.emplace_back(text(one));
  return out;
}
[[nodiscard]] inline boost::json::array texts(const std::vector<control::Located<std::string>>& all) {
  return list(all, [](const auto& one) { return *one; });
}

// By their names.
[[nodiscard]] boost::json::object children_of(const profile::Connection& connection);

}  // namespace millrace::vpn
