// SPDX-License-Identifier: BSD-3-Clause
// One signature from its text, or why it is none.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "vnfs/firewall/inspection/signature_file.h"

namespace millrace::firewall::inspection {

inline SignatureFile read(const std::string& text) { return read_signatures(text, default_variables()); }

// A signature with these options, which is one.
inline Signature one(const std::string& options, std::string_view head = "alert tcp any any -> any any (") {
  SignatureFile file = read(std::string(head) + options + " sid:1;)");
  EXPECT_EQ(file.skipped.size(), 0U) << options << " "
                                     << (file.skipped.empty()
                                             ? ""
                                             : file.skipped[0].keyword + ": " + file.skipped[0].reason);
  if (file.signatures.empty()) return {};
  return file.signatures[0];
}

// Why a signature with these options is none: the keyword, and the reason.
inline Skipped none(const std::string& options, std::string_view head = "alert tcp any any -> any any (") {
  SignatureFile file = read(std::string(head) + options + " sid:1;)");
  EXPECT_EQ(file.signatures.size(), 0U) << head << options;
  if (file.skipped.empty()) return {};
  EXPECT_NE(file.skipped[0].reason, "");
  return file.skipped[0];
}

template <class T>
const T& test(const Signature& signature, std::size_t buffer = 0, std::size_t place = 0) {
  return std::get<T>(signature.buffers.at(buffer).tests.at(place));
}

}  // namespace millrace::firewall::inspection
