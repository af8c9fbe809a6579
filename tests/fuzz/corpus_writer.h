// SPDX-License-Identifier: BSD-3-Clause
// Where make_fuzz_corpus writes seeds, and those of its parts that have a file of their own.
#pragma once

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/support/packet_builder.h"

namespace millrace::fuzz {

class Corpus {
 public:
  explicit Corpus(std::filesystem::path root) : root_(std::move(root)) {}

  void write(std::string_view target, const std::string& name, const testing::Frame& bytes) {
    const auto folder = root_ / target;
    std::filesystem::create_directories(folder);
    std::ofstream file(folder / name, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file) throw std::runtime_error("cannot write " + (folder / name).string());
  }
  void write(std::string_view target, const std::string& name, std::string_view text) {
    write(target, name, testing::Frame(text.begin(), text.end()));
  }

 private:
  std::filesystem::path root_;
};

// See applications_fuzz.cpp.
void write_applications(Corpus& corpus);
// See load_balancer_pipeline_fuzz.cpp.
void write_load_balancer_pipeline(Corpus& corpus);
// See pipeline_inspected_fuzz.cpp.
void write_pipeline_inspected(Corpus& corpus);
// See pipeline_unpacking_fuzz.cpp.
void write_pipeline_unpacking(Corpus& corpus);
// See stream_fuzz.cpp.
void write_stream(Corpus& corpus);
// See vpn_ike_messages_fuzz.cpp.
void write_vpn_ike_messages(Corpus& corpus);

}  // namespace millrace::fuzz
