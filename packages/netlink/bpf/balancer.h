/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the XDP program and its loader share, byte for byte: `native/xdp/layout.rs` holds the same structures. Maps never
 * outlive the loader that made them: the one that comes next loads a program and maps of its own and replaces it whole.
 */
#pragma once

#include <linux/types.h>

/* Slots are kept in blocks, because the kernel rounds the size of an array's elements up to 8 bytes. */
#define BLOCK_SLOTS 64
/* Words of a flow that a key can be made of: two addresses, protocol, two ports, and zeros. */
#define FLOW_WORDS 16
/* Words of the longest key, in whole blocks of three as jhash takes them. */
#define KEY_WORDS 12

#define HOP_NEIGHBOUR 0
#define HOP_ROUTE 1

/* A virtual address of a service on one device. */
struct vip {
	__u32 address[4]; /* as in the packet; IPv4 in the first word */
	__u32 device;
	__u16 port; /* as in the packet */
	__u8 protocol;
	__u8 family; /* 4 or 6 */
};

struct vip_target {
	__u32 service;
	__u8 mac[6]; /* of the device: frames to others are none of ours */
	__u16 unused;
};

/* Everything about a service's choice; never changed while the service leads to it. */
struct table {
	__u32 seed;
	__u32 size; /* slots; 0: nobody serves */
	__u32 first_block;
	__u32 first_member;
	__u32 members;
	__u32 key_bytes;
	__u32 source_mask[4];
	__u8 pick[KEY_WORDS]; /* which word of the flow each word of the key is; behind its end, one of zeros */
};

struct block {
	__u16 member[BLOCK_SLOTS];
};

struct member {
	__u32 address[4]; /* HOP_ROUTE: what the kernel's routing is asked for */
	__u32 device; /* HOP_NEIGHBOUR: leaving device */
	__u32 counter;
	__u8 destination[6]; /* HOP_NEIGHBOUR */
	__u8 source[6];
	__u8 hop;
	__u8 routed; /* whether the hop counts: TTL or hop limit goes down by one */
	__u16 unused;
};

struct counter {
	__u64 packets;
	__u64 bytes;
};

/* Why a packet of a service was left to the kernel. */
enum reason {
	REASON_NOBODY, /* the slot has no member */
	REASON_ROUTE, /* no route or neighbour yet, or the packet is too large for it */
	REASON_DEVICE, /* the leaving device can't send for XDP */
	REASON_FRAGMENT, /* the first fragment was not seen */
	REASON_TTL, /* it ends here */
	REASON_COUNT,
};

/* Which fragments belong together. */
struct fragment {
	__u32 source[4];
	__u32 destination[4];
	__u32 identification;
	__u32 device;
	__u8 protocol;
	__u8 family;
	__u16 unused;
};
