/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of the config.h that strongSwan's configure would write: what its headers ask about, as Debian 12
 * builds it. */
#ifndef MILLRACE_STRONGSWAN_CONFIG_H
#define MILLRACE_STRONGSWAN_CONFIG_H

#define CONFIG_H_INCLUDED
/* --enable-mediation adds members to structures. */
#define ME
/* Without these the headers declare types and functions of their own. */
#define HAVE_STDBOOL_H 1
#define HAVE_MEMRCHR 1
#define HAVE_FMEMOPEN 1
#define HAVE_SIGWAITINFO 1
#define HAVE_CLOSEFROM 1
#define HAVE_EXPLICIT_BZERO 1

/* Of the headers; the plugin refuses to run in another. */
#define MILLRACE_STRONGSWAN_RELEASE "5.9.8"

#endif
