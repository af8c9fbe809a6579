// SPDX-License-Identifier: BSD-3-Clause
// Nothing: a precompiled header needs a source that it is compiled for.
