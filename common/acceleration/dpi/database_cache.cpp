// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/database_cache.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <hs.h>
#include <openssl/evp.h>
#include <unistd.h>

namespace millrace::dpi {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSuffix = ".patterns";

// SHA-256, in hexadecimal digits.
class Print {
 public:
  Print() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }

  template <class Number>
  requires std::is_integral_v<Number> || std::is_enum_v<Number>
  void add(Number number) { EVP_DigestUpdate(context_.get(), &number, sizeof number); }
  void add(std::string_view text) {
    add(text.size());
    EVP_DigestUpdate(context_.get(), text.data(), text.size());
  }
  [[nodiscard]] std::string take() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned length = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &length);
    std::string text;
    for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

std::string print_of(std::span<const Pattern> patterns, Mode mode) {
  Print print;
  hs_platform_info platform{};
  static_cast<void>(hs_populate_platform(&platform));
  print.add(std::string_view(hs_version()));
  print.add(platform.tune);
  print.add(platform.cpu_features);
  print.add(mode);
  for (const Pattern& pattern : patterns) {
    print.add(std::string_view(pattern.text));
    print.add(pattern.syntax);
    print.add(pattern.id);
    print.add(pattern.caseless);
    print.add(pattern.multi_line);
    print.add(pattern.dot_all);
    print.add(pattern.once);
    print.add(pattern.least_end);
    print.add(pattern.most_end);
  }
  return print.take();
}

std::optional<std::string> content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return std::nullopt;
  std::string content(std::istreambuf_iterator<char>(stream), {});
  return stream.bad() ? std::nullopt : std::optional(std::move(content));
}

}  // namespace

tl::expected<DatabaseCache::Got, Database::Fault> DatabaseCache::get(std::span<const Pattern> patterns,
                                                                     Mode mode) const {
  const fs::path file = folder_ / (print_of(patterns, mode) + kSuffix);
  if (const auto content = content_of(file)) {
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(content->data()), content->size());
    if (auto restored = Database::restore(bytes, mode)) {
      std::error_code ignored;
      fs::last_write_time(file, fs::file_time_type::clock::now(), ignored);
      return Got{.database = std::move(*restored)};
    }
  }
  auto compiled = Database::compile(patterns, mode);
  if (!compiled) return tl::unexpected(std::move(compiled.error()));
  Got got{.database = std::move(*compiled), .compiled = true};
  if (auto kept = keep(*got.database, file); !kept) got.not_kept = std::move(kept.error());
  return got;
}

// Whole or not at all: another process may look for it at the same time.
Result<void> DatabaseCache::keep(const Database& database, const fs::path& file) const {
  auto content = database.serialize();
  if (!content) return tl::unexpected(std::move(content.error()));
  std::error_code error;
  fs::create_directories(folder_, error);
  const fs::path beside = file.string() + fmt::format(".{}", ::getpid());
  {
    std::ofstream stream(beside, std::ios::binary | std::ios::trunc);
    stream.write(content->data(), static_cast<std::streamsize>(content->size()));
    if (!stream.flush()) {
      fs::remove(beside, error);
      return failure("keep compiled patterns in " + folder_.string(), errno_text(errno));
    }
  }
  fs::rename(beside, file, error);
  if (error) return failure("keep compiled patterns as " + file.string(), error.message());
  remove_old();
  return {};
}

void DatabaseCache::remove_old() const {
  std::error_code ignored;
  std::vector<std::pair<fs::file_time_type, fs::path>> all;
  for (const auto& entry : fs::directory_iterator(folder_, ignored))
    if (entry.path().extension() == kSuffix) all.emplace_back(entry.last_write_time(ignored), entry.path());
  if (all.size() <= kMostFiles) return;
  std::ranges::sort(all, std::greater{});
  for (const auto& [time, path] : std::span(all).subspan(kMostFiles)) fs::remove(path, ignored);
}

}  // namespace millrace::dpi
