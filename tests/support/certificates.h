// SPDX-License-Identifier: BSD-3-Clause
// Keys and certificates that are made when a test needs them.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace millrace::test {

template <class T, void (*kFree)(T*)>
struct OpensslDeleter {
  void operator()(T* object) const { kFree(object); }
};
using Key = std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, OpensslDeleter<X509, X509_free>>;

struct Identity {
  Key key;
  Certificate certificate;
};

// From and until when a certificate is valid, in seconds from now.
struct Validity {
  long from = -60;
  long until = 3600;
};

// Signed by `issuer`, or by itself. `alternative_names` as OpenSSL writes them ("DNS:localhost,IP:127.0.0.1")
// or null.
inline Identity make_identity(const char* name, const char* alternative_names, const Identity* issuer,
                              Validity validity = {}) {
  Identity made{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* certificate = made.certificate.get();
  static long serial = 0;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), validity.from);
  X509_gmtime_adj(X509_getm_notAfter(certificate), validity.until);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* signer = issuer == nullptr ? certificate : issuer->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  const auto extend = [certificate](int kind, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (alternative_names != nullptr) extend(NID_subject_alt_name, alternative_names);
  X509_sign(certificate, issuer == nullptr ? made.key.get() : issuer->key.get(), EVP_sha256());
  return made;
}

// One that presents `own` and trusts what `trusted` has signed; either may be null.
inline std::shared_ptr<boost::asio::ssl::context> context_for(const Identity* own, const Identity* trusted,
                                                              bool client_must_prove = false) {
  namespace ssl = boost::asio::ssl;
  auto context = std::make_shared<ssl::context>(ssl::context::tls);
  if (own != nullptr) {
    SSL_CTX_use_certificate(context->native_handle(), own->certificate.get());
    SSL_CTX_use_PrivateKey(context->native_handle(), own->key.get());
  }
  if (trusted != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context->native_handle()), trusted->certificate.get());
  }
  if (client_must_prove) context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  return context;
}

// False when the file cannot be written.
inline bool write_pem(const std::string& path, const Identity& identity) {
  FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  const bool written = PEM_write_X509(file, identity.certificate.get()) == 1;
  return std::fclose(file) == 0 && written;
}

}  // namespace millrace::test
