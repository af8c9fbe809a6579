// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/crypto/secret.h"

#include <openssl/crypto.h>

namespace millrace::crypto {

void Secret::wipe() noexcept {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
  bytes_.clear();
}

void wipe(std::string& text) noexcept {
  if (!text.empty()) OPENSSL_cleanse(&text.front(), text.size());
}

}  // namespace millrace::crypto
