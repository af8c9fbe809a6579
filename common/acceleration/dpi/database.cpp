// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/database.h"

#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <hs.h>

namespace millrace::dpi {
namespace {

constexpr const char* kAttempt = "compile patterns";

unsigned flags_of(const Pattern& pattern) noexcept {
  unsigned flags = 0;
  if (pattern.caseless) flags |= HS_FLAG_CASELESS;
  if (pattern.once) flags |= HS_FLAG_SINGLEMATCH;
  if (pattern.syntax == Syntax::kLiteral) return flags;
  if (pattern.multi_line) flags |= HS_FLAG_MULTILINE;
  if (pattern.dot_all) flags |= HS_FLAG_DOTALL;
  return flags;
}

// Literals among expressions have to be written as one, byte by byte.
std::string expression_of(const Pattern& pattern) {
  if (pattern.syntax == Syntax::kRegex) return pattern.text;
  std::string text;
  text.reserve(4 * pattern.text.size());
  for (const char c : pattern.text) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return text;
}

hs_expr_ext_t bounds_of(const Pattern& pattern) noexcept {
  hs_expr_ext_t bounds{};
  if (pattern.least_end != 0) {
    bounds.flags |= HS_EXT_FLAG_MIN_OFFSET;
    bounds.min_offset = pattern.least_end;
  }
  if (pattern.most_end != std::numeric_limits<std::uint64_t>::max()) {
    bounds.flags |= HS_EXT_FLAG_MAX_OFFSET;
    bounds.max_offset = pattern.most_end;
  }
  return bounds;
}

unsigned mode_of(Mode mode) noexcept {
  switch (mode) {
    case Mode::kBlock:
      return HS_MODE_BLOCK;
    case Mode::kVector:
      return HS_MODE_VECTORED;
    case Mode::kStream:
      break;
  }
  return HS_MODE_STREAM;
}

tl::unexpected<Database::Fault> fault(std::string reason) {
  return tl::unexpected(Database::Fault{.pattern = {}, .error = {kAttempt, std::move(reason), {}}});
}

}  // namespace

const char* why_not() noexcept {
  return hs_valid_platform() == HS_SUCCESS ? nullptr : "Hyperscan needs a processor with SSSE3";
}

void Database::Free::operator()(hs_database* raw) const noexcept { hs_free_database(raw); }

Database::Database(Raw raw, Mode mode) : raw_(std::move(raw)), mode_(mode) {
  static_cast<void>(hs_database_size(raw_.get(), &bytes_));
  if (mode == Mode::kStream) static_cast<void>(hs_stream_size(raw_.get(), &stream_bytes_));
}

tl::expected<std::shared_ptr<const Database>, Database::Fault> Database::compile(
    std::span<const Pattern> patterns, Mode mode) {
  if (const char* reason = why_not()) return fault(reason);
  if (patterns.empty()) return fault("there are none");
  std::vector<std::string> texts;
  std::vector<hs_expr_ext_t> bounds;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const Pattern& pattern : patterns) {
    if (pattern.text.empty())
      return tl::unexpected(
          Fault{.pattern = PatternFault{static_cast<std::size_t>(&pattern - patterns.data()), "it is empty"},
                .error = {kAttempt, "a pattern is empty", {}}});
    texts.push_back(expression_of(pattern));
    bounds.push_back(bounds_of(pattern));
    flags.push_back(flags_of(pattern));
    ids.push_back(pattern.id);
  }
  std::vector<const char*> expressions;
  std::vector<const hs_expr_ext_t*> extensions;
  expressions.reserve(texts.size());
  extensions.reserve(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    expressions.push_back(texts[i].c_str());
    extensions.push_back(&bounds[i]);
  }
  hs_database_t* made = nullptr;
  hs_compile_error_t* wrong = nullptr;
  const hs_error_t result =
      hs_compile_ext_multi(expressions.data(), flags.data(), ids.data(), extensions.data(),
                           static_cast<unsigned>(texts.size()), mode_of(mode), nullptr, &made, &wrong);
  if (result == HS_SUCCESS) return std::shared_ptr<const Database>(new Database(Raw(made), mode));
  if (wrong == nullptr) return fault(fmt::format("Hyperscan gives error {}", result));
  const std::unique_ptr<hs_compile_error_t, decltype(&hs_free_compile_error)> owned(wrong,
                                                                                    &hs_free_compile_error);
  if (wrong->expression < 0) return fault(wrong->message);
  return tl::unexpected(
      Fault{.pattern = PatternFault{static_cast<std::size_t>(wrong->expression), wrong->message},
            .error = {kAttempt, wrong->message, {}}});
}

Result<std::string> Database::serialize() const {
  char* bytes = nullptr;
  std::size_t length = 0;
  if (const hs_error_t error = hs_serialize_database(raw_.get(), &bytes, &length); error != HS_SUCCESS)
    return failure("serialize patterns", fmt::format("Hyperscan gives error {}", error));
  const std::unique_ptr<char, decltype(&std::free)> owned(bytes, &std::free);
  return std::string(bytes, length);
}

Result<std::shared_ptr<const Database>> Database::restore(Bytes serialized, Mode mode) {
  if (const char* reason = why_not()) return failure("restore patterns", reason);
  hs_database_t* made = nullptr;
  const hs_error_t error =
      hs_deserialize_database(reinterpret_cast<const char*>(serialized.data()), serialized.size(), &made);
  if (error != HS_SUCCESS)
    return failure("restore patterns", error == HS_DB_VERSION_ERROR    ? "they are another release's"
                                       : error == HS_DB_PLATFORM_ERROR ? "they are another processor's"
                                                                       : "they are damaged");
  return std::shared_ptr<const Database>(new Database(Raw(made), mode));
}

}  // namespace millrace::dpi
