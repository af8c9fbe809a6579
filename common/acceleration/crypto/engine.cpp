// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/crypto/engine.h"

#include <fmt/format.h>

namespace millrace::crypto {

Result<void> check_key_sizes(Suite suite, Bytes cipher_key, Bytes integrity_key) {
  const std::string attempt =
      fmt::format("make a key for {}{}{}", name(suite.cipher), suite.integrity == Integrity::kNone ? "" : "-",
                  name(suite.integrity));
  if (!is_of_use(suite)) {
    return failure(attempt, is_aead(suite.cipher) ? "the cipher has a tag of its own and takes no hash"
                                                  : "the cipher needs a hash with it");
  }
  const SuiteSizes sizes = sizes_of(suite);
  if (cipher_key.size() != sizes.cipher_key) {
    return failure(attempt, fmt::format("the cipher's key has {} bytes, it takes {}", cipher_key.size(),
                                        sizes.cipher_key));
  }
  const bool fits = integrity_key.size() <= sizes.integrity_key &&
                    integrity_key.empty() == (suite.integrity == Integrity::kNone);
  if (!fits) {
    return failure(attempt, fmt::format("the hash's key has {} bytes, it takes {}", integrity_key.size(),
                                        sizes.integrity_key));
  }
  return {};
}

Result<std::unique_ptr<Library>> make_fastest_library() {
  auto fastest = make_ipsec_mb_library();
  return fastest ? std::move(fastest) : make_openssl_library();
}

}  // namespace millrace::crypto
