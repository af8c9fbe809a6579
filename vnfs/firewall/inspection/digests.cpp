// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/digests.h"

#include <new>

#include <openssl/evp.h>

namespace millrace::firewall::inspection {

void Digests::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Digests::Digests() : md5_(EVP_MD_CTX_new()), sha1_(EVP_MD_CTX_new()) {
  if (md5_ == nullptr || sha1_ == nullptr) throw std::bad_alloc();
  has_md5_ = EVP_DigestInit_ex(md5_.get(), EVP_md5(), nullptr) == 1;
  has_sha1_ = EVP_DigestInit_ex(sha1_.get(), EVP_sha1(), nullptr) == 1;
}

// A context that goes on with the same algorithm allocates nothing.
bool Digests::run(evp_md_ctx_st* context, Bytes bytes, std::uint8_t* out) noexcept {
  return EVP_DigestInit_ex(context, nullptr, nullptr) == 1 &&
         EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1 &&
         EVP_DigestFinal_ex(context, out, nullptr) == 1;
}

bool Digests::md5(Bytes bytes, std::array<std::uint8_t, 16>& out) noexcept {
  return has_md5_ && run(md5_.get(), bytes, out.data());
}

bool Digests::sha1(Bytes bytes, std::array<std::uint8_t, 20>& out) noexcept {
  return has_sha1_ && run(sha1_.get(), bytes, out.data());
}

}  // namespace millrace::firewall::inspection
