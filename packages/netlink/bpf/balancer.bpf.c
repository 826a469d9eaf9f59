/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Direct server return in XDP: the slot that the nft rule `jhash KEY mod SIZE seed SEED` gives for a packet, and the
 * member that the same table has there. The packet leaves with new MAC addresses and is otherwise as it came (a routed
 * hop counts in its TTL). Whatever is not plainly a packet of a service passes, and the kernel's own rules serve it.
 *
 * This file and balancer.h are offered under the GPL-2.0 or BSD-2-Clause, unlike the rest of the project: the kernel
 * gives some of the helpers used here only to programs that declare a licence compatible with its own.
 */
#include "balancer.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2
#define AF_INET6 10
#define JHASH_INITVAL 0xdeadbeef
#define FRAGMENT_MORE 0x2000
#define FRAGMENT_OFFSET 0x1fff
#define ICMP_ERROR_BYTES 8
#define PORTS_BYTES 4

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The loader sets the sizes of those that have one entry here. */

/* Filled before the program is attached and not changed afterwards: other addresses take another program. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct vip);
	__type(value, struct vip_target);
} vips SEC(".maps");

/* Service to table: one word, so that a service changes from one table to the next at once. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct table);
} tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct block);
} blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct member);
} members SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} reasons SEC(".maps");

/* Devices that can send for XDP; a packet that would leave by another one passes. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

/* Ports of datagrams whose further fragments come without. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct fragment);
	__type(value, __u32);
} fragments SEC(".maps");

/* Words of a flow, as they lie in the packet; ports and protocol in the low bytes, as nft's registers hold them. */
#define SOURCE 0
#define DESTINATION 4
#define PROTOCOL 8
#define SOURCE_PORT 9
#define DESTINATION_PORT 10

/* A packet as the balancer sees it. */
struct packet {
	__u32 flow[FLOW_WORDS]; /* towards the service; the words behind the ports are zeros */
	struct fragment key;
	__u16 length; /* of the IP packet */
	__u8 family;
	__u8 protocol;
	__u8 part; /* NONE, FIRST or LATER fragment */
};

enum part { NONE, FIRST, LATER };

static __always_inline int leave(enum reason reason)
{
	__u32 key = reason;
	__u64 *count = bpf_map_lookup_elem(&reasons, &key);

	if (count)
		*count += 1;
	return XDP_PASS;
}

static __always_inline __u32 rotate(__u32 word, __u32 bits)
{
	return word << bits | word >> (32 - bits);
}

/* lookup3, as the kernel's include/linux/jhash.h has it, over the words of the flow that the table picks. */
static __always_inline __u32 hash(const struct table *table, const __u32 *flow)
{
	__u32 length = table->key_bytes;
	__u32 a = JHASH_INITVAL + length + table->seed, b = a, c = a;
	__u32 at = 0;

	for (; at < KEY_WORDS - 3 && length > 12; at += 3, length -= 12) {
		a += flow[table->pick[at] & (FLOW_WORDS - 1)];
		b += flow[table->pick[at + 1] & (FLOW_WORDS - 1)];
		c += flow[table->pick[at + 2] & (FLOW_WORDS - 1)];
		a -= c; a ^= rotate(c, 4); c += b;
		b -= a; b ^= rotate(a, 6); a += c;
		c -= b; c ^= rotate(b, 8); b += a;
		a -= c; a ^= rotate(c, 16); c += b;
		b -= a; b ^= rotate(a, 19); a += c;
		c -= b; c ^= rotate(b, 4); b += a;
	}
	a += flow[table->pick[at] & (FLOW_WORDS - 1)];
	b += flow[table->pick[at + 1] & (FLOW_WORDS - 1)];
	c += flow[table->pick[at + 2] & (FLOW_WORDS - 1)];
	c ^= b; c -= rotate(b, 14);
	a ^= c; a -= rotate(c, 11);
	b ^= a; b -= rotate(a, 25);
	c ^= b; c -= rotate(b, 16);
	a ^= c; a -= rotate(c, 4);
	b ^= a; b -= rotate(a, 14);
	c ^= b; c -= rotate(b, 24);
	return c;
}

static __always_inline struct member *choose(const struct table *table, __u32 *flow)
{
	for (int i = 0; i < 4; i++)
		flow[SOURCE + i] &= table->source_mask[i];

	__u32 slot = (__u64)hash(table, flow) * table->size >> 32;
	__u32 at = table->first_block + slot / BLOCK_SLOTS;
	struct block *block = bpf_map_lookup_elem(&blocks, &at);

	if (!block || !table->size)
		return 0;
	__u32 index = block->member[slot % BLOCK_SLOTS];

	if (index >= table->members)
		return 0;
	at = table->first_member + index;
	return bpf_map_lookup_elem(&members, &at);
}

/* Next hop to a member as the kernel's routing has it now; 0 if a packet of this length can go there at once. */
static __always_inline int route(struct xdp_md *context, const struct packet *packet, const struct member *member,
				 struct bpf_fib_lookup *next)
{
	next->ifindex = context->ingress_ifindex;
	next->tot_len = packet->length;
	if (packet->family == 4) {
		next->family = AF_INET;
		next->ipv4_dst = member->address[0];
	} else {
		next->family = AF_INET6;
		__builtin_memcpy(next->ipv6_dst, member->address, 16);
	}
	return bpf_fib_lookup(context, next, sizeof(*next), 0) != BPF_FIB_LKUP_RET_SUCCESS;
}

/* 0 if the packet may go on, another number if it ends here. */
static __always_inline int count_hop(void *ip, void *end, __u8 family)
{
	struct iphdr *v4 = ip;
	struct ipv6hdr *v6 = ip;

	if (family == 4) {
		if ((void *)(v4 + 1) > end || v4->ttl <= 1)
			return 1;
		/* RFC 1141: the word that holds the TTL goes down by 0x0100. */
		__u32 sum = (__u32)v4->check + bpf_htons(0x0100);

		v4->check = sum + (sum >= 0xffff);
		v4->ttl -= 1;
		return 0;
	}
	if ((void *)(v6 + 1) > end || v6->hop_limit <= 1)
		return 1;
	v6->hop_limit -= 1;
	return 0;
}

static __always_inline int send(struct xdp_md *context, const struct packet *packet, const struct member *member)
{
	struct bpf_fib_lookup next = {};
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	struct ethhdr *ethernet = data;
	__u32 device = member->device, key = member->counter;

	if ((void *)(ethernet + 1) > end)
		return XDP_PASS;
	if (member->hop == HOP_ROUTE) {
		if (route(context, packet, member, &next))
			return leave(REASON_ROUTE);
		device = next.ifindex;
	}
	/* Before anything is written: what passes must be as it came. */
	if (device != context->ingress_ifindex && !bpf_map_lookup_elem(&devices, &device))
		return leave(REASON_DEVICE);
	if (member->routed && count_hop(ethernet + 1, end, packet->family))
		return leave(REASON_TTL);
	if (member->hop == HOP_ROUTE) {
		__builtin_memcpy(ethernet->h_dest, next.dmac, ETH_ALEN);
		__builtin_memcpy(ethernet->h_source, next.smac, ETH_ALEN);
	} else {
		__builtin_memcpy(ethernet->h_dest, member->destination, ETH_ALEN);
		__builtin_memcpy(ethernet->h_source, member->source, ETH_ALEN);
	}
	struct counter *counter = bpf_map_lookup_elem(&counters, &key);

	if (counter) {
		counter->packets += 1;
		counter->bytes += packet->length;
	}
	if (device == context->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect_map(&devices, device, XDP_PASS);
}

static __always_inline int balance(struct xdp_md *context, struct packet *packet)
{
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	struct ethhdr *ethernet = data;
	__u32 *flow = packet->flow;
	struct vip vip = {
		.address = { flow[DESTINATION], flow[DESTINATION + 1], flow[DESTINATION + 2], flow[DESTINATION + 3] },
		.device = context->ingress_ifindex,
		.port = flow[DESTINATION_PORT],
		.protocol = flow[PROTOCOL],
		.family = packet->family,
	};
	struct vip_target *target = bpf_map_lookup_elem(&vips, &vip);

	if (!target || (void *)(ethernet + 1) > end)
		return XDP_PASS;
	for (int i = 0; i < ETH_ALEN; i++)
		if (ethernet->h_dest[i] != target->mac[i])
			return XDP_PASS;

	__u32 key = target->service;
	__u32 *current = bpf_map_lookup_elem(&services, &key);

	if (!current)
		return XDP_PASS;
	key = *(volatile __u32 *)current;
	struct table *table = bpf_map_lookup_elem(&tables, &key);

	if (!table)
		return XDP_PASS;
	struct member *member = choose(table, flow);

	if (!member)
		return leave(REASON_NOBODY);
	return send(context, packet, member);
}

static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Each reader below returns 0 if it understood, another number if the packet is to pass. */

static __always_inline int read_ports(struct packet *packet, __u16 *ports, void *end)
{
	if ((void *)(ports + 2) > end)
		return 1;
	packet->flow[SOURCE_PORT] = ports[0];
	packet->flow[DESTINATION_PORT] = ports[1];
	return 0;
}

/*
 * An ICMP error quotes a packet that a member sent to a client; it belongs to the flow that runs the other way. `ports`
 * are those of the quoted packet.
 */
static __always_inline int read_quoted_ports(struct packet *packet, __u16 *ports, void *end)
{
	if ((void *)(ports + 2) > end)
		return 1;
	packet->flow[SOURCE_PORT] = ports[1];
	packet->flow[DESTINATION_PORT] = ports[0];
	return 0;
}

static __always_inline int read_icmp4(struct packet *packet, __u8 *icmp, void *end)
{
	struct iphdr *quoted = (void *)icmp + ICMP_ERROR_BYTES;

	if ((void *)(quoted + 1) > end)
		return 1;
	/* Destination unreachable, time exceeded, parameter problem. */
	if (*icmp != 3 && *icmp != 11 && *icmp != 12)
		return 1;
	if (quoted->version != 4 || quoted->ihl != 5 || !has_ports(quoted->protocol) ||
	    quoted->frag_off & bpf_htons(FRAGMENT_OFFSET) || quoted->saddr != packet->flow[DESTINATION])
		return 1;
	packet->flow[SOURCE] = quoted->daddr;
	packet->flow[PROTOCOL] = quoted->protocol;
	return read_quoted_ports(packet, (void *)(quoted + 1), end);
}

static __always_inline int read_icmp6(struct packet *packet, __u8 *icmp, void *end)
{
	struct ipv6hdr *quoted = (void *)icmp + ICMP_ERROR_BYTES;

	if ((void *)(quoted + 1) > end)
		return 1;
	/* Destination unreachable, packet too big, time exceeded, parameter problem. */
	if (*icmp < 1 || *icmp > 4 || quoted->version != 6 || !has_ports(quoted->nexthdr))
		return 1;
	for (int i = 0; i < 4; i++) {
		if (quoted->saddr.in6_u.u6_addr32[i] != packet->flow[DESTINATION + i])
			return 1;
		packet->flow[SOURCE + i] = quoted->daddr.in6_u.u6_addr32[i];
	}
	packet->flow[PROTOCOL] = quoted->nexthdr;
	return read_quoted_ports(packet, (void *)(quoted + 1), end);
}

static __always_inline int read_fragment(struct packet *packet, __u16 *ports, void *end, __u32 identification,
					 __u32 device)
{
	__builtin_memcpy(packet->key.source, packet->flow + SOURCE, 16);
	__builtin_memcpy(packet->key.destination, packet->flow + DESTINATION, 16);
	packet->key.identification = identification;
	packet->key.device = device;
	packet->key.protocol = packet->protocol;
	packet->key.family = packet->family;
	if (packet->part == FIRST)
		return read_ports(packet, ports, end);
	__u32 *known = bpf_map_lookup_elem(&fragments, &packet->key);

	if (!known)
		return leave(REASON_FRAGMENT);
	packet->flow[SOURCE_PORT] = *known >> 16;
	packet->flow[DESTINATION_PORT] = *known & 0xffff;
	return 0;
}

static __always_inline int read_ipv4(struct packet *packet, struct iphdr *header, void *end, __u32 device)
{
	if ((void *)(header + 1) > end || header->version != 4 || header->ihl < 5)
		return 1;
	__u32 header_bytes = header->ihl * 4;
	void *transport = (void *)header + header_bytes;
	__u16 offset = bpf_ntohs(header->frag_off);

	packet->family = 4;
	packet->length = bpf_ntohs(header->tot_len);
	packet->protocol = header->protocol;
	if (packet->length < header_bytes + PORTS_BYTES || end - (void *)header < packet->length)
		return 1;
	packet->flow[SOURCE] = header->saddr;
	packet->flow[DESTINATION] = header->daddr;
	packet->flow[PROTOCOL] = header->protocol;
	if (offset & (FRAGMENT_MORE | FRAGMENT_OFFSET)) {
		packet->part = offset & FRAGMENT_OFFSET ? LATER : FIRST;
		return !has_ports(packet->protocol) || read_fragment(packet, transport, end, header->id, device);
	}
	if (packet->protocol == IPPROTO_ICMP)
		return read_icmp4(packet, transport, end);
	return !has_ports(packet->protocol) || read_ports(packet, transport, end);
}

struct fragment_header {
	__u8 next;
	__u8 reserved;
	__u16 offset;
	__u32 identification;
};

static __always_inline int read_ipv6(struct packet *packet, struct ipv6hdr *header, void *end, __u32 device)
{
	struct fragment_header *part = (void *)(header + 1);

	if ((void *)(header + 1) > end || header->version != 6)
		return 1;
	__u32 length = bpf_ntohs(header->payload_len) + sizeof(*header);

	packet->family = 6;
	packet->length = length;
	packet->protocol = header->nexthdr;
	/* A jumbogram's length is elsewhere. */
	if (length > 0xffff || length < sizeof(*header) + PORTS_BYTES || end - (void *)header < length)
		return 1;
	__builtin_memcpy(packet->flow + SOURCE, &header->saddr, 16);
	__builtin_memcpy(packet->flow + DESTINATION, &header->daddr, 16);
	if (packet->protocol == IPPROTO_ICMPV6)
		return read_icmp6(packet, (void *)(header + 1), end);
	if (packet->protocol == IPPROTO_FRAGMENT) {
		if ((void *)(part + 1) > end || !has_ports(part->next))
			return 1;
		packet->protocol = part->next;
		packet->flow[PROTOCOL] = part->next;
		packet->part = part->offset & bpf_htons(0xfff8) ? LATER : FIRST;
		return read_fragment(packet, (void *)(part + 1), end, part->identification, device);
	}
	packet->flow[PROTOCOL] = packet->protocol;
	return !has_ports(packet->protocol) || read_ports(packet, (void *)(header + 1), end);
}

/* Frames of other kinds, VLAN tags among them, pass. */
SEC("xdp")
int balancer(struct xdp_md *context)
{
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	struct ethhdr *ethernet = data;
	struct packet packet = {};

	if ((void *)(ethernet + 1) > end)
		return XDP_PASS;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		if (read_ipv4(&packet, (void *)(ethernet + 1), end, context->ingress_ifindex))
			return XDP_PASS;
	} else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
		if (read_ipv6(&packet, (void *)(ethernet + 1), end, context->ingress_ifindex))
			return XDP_PASS;
	} else {
		return XDP_PASS;
	}
	__u32 ports = packet.flow[SOURCE_PORT] << 16 | packet.flow[DESTINATION_PORT];
	int verdict = balance(context, &packet);

	/* Fragments of one packet stay together: if the first one passes, so do the others. */
	if (packet.part == FIRST && verdict != XDP_PASS)
		bpf_map_update_elem(&fragments, &packet.key, &ports, BPF_ANY);
	return verdict;
}
