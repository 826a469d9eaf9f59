/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Fills in one frame after the other and sends it out of the device that it is said to have come from. Run with
 * BPF_F_TEST_XDP_LIVE_FRAMES it makes the frames that a network card's driver would, without a socket buffer.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FRAME_WORDS 15
#define PORTS 60000
#define FIRST_PORT 1024
#define IP_SUM 24
#define IP_SOURCE 26
#define UDP_SOURCE 34

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set by the loader: the frame with source address, source port and checksum zero, and the sum of its header. */
volatile const __u32 template[FRAME_WORDS + 1];
volatile const __u32 header_sum;
volatile const __u32 first_source;
volatile const __u32 flows = 1;

__u32 next_flow;

SEC("xdp")
int generator(struct xdp_md *context)
{
	void *data = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;
	__u32 *words = data;

	if ((void *)(words + FRAME_WORDS) > end)
		return XDP_ABORTED;
	__u32 flow = next_flow;

	next_flow = flow + 1 < flows ? flow + 1 : 0;
	__u32 source = first_source + flow / PORTS;
	__u32 sum = header_sum + (source >> 16) + (source & 0xffff);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	for (int word = 0; word < FRAME_WORDS; word++)
		words[word] = template[word];
	*(__u16 *)(data + IP_SUM) = bpf_htons((__u16)~sum);
	*(__u16 *)(data + IP_SOURCE) = bpf_htons(source >> 16);
	*(__u16 *)(data + IP_SOURCE + 2) = bpf_htons(source);
	*(__u16 *)(data + UDP_SOURCE) = bpf_htons(FIRST_PORT + flow % PORTS);
	return bpf_redirect(context->ingress_ifindex, 0);
}
