// SPDX-License-Identifier: BSD-3-Clause
// All outside addresses a process has ever had, by number.
#pragma once

#include "common/core/address_book.h"
#include "vnfs/nat/outside_address.h"

namespace millrace::nat {

using AddressBook = core::AddressBook<OutsideAddress, net::Ipv4Address>;

}  // namespace millrace::nat
