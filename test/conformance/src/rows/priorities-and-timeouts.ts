import type { Rows } from '../row.js';

/** Sentences of draft-18 §7, §8. */
export const PRIORITIES_AND_TIMEOUTS: Rows = {
  N101: {
    section: '7.1',
    keyword: 'SHOULD',
    says: 'a changed subscriber priority counts for what has not been sent',
    code: [
      'packages/quic/src/connection.ts#QuicConnection',
      'relay/src/core/downstream/fan-out.ts#FanOut.reprioritize',
    ],
    tests: [
      'packages/quic/src/compliance.test.ts › the priority of a stream that is under way can be changed',
      'relay/src/core/delivery.test.ts',
      'relay/src/core/updates.test.ts',
    ],
    broken: ['this.#commands.push(Operation.setPriority, 3, this.id, stream, priority);', 'return;'],
  },
  N102: {
    section: '7.2',
    keyword: 'SHOULD',
    says: 'Objects go by subscriber priority, publisher priority, Group order',
    code: ['relay/src/core/downstream/catch-up.ts#CatchUp', 'relay/src/core/downstream/fan-out.ts#FanOut'],
    tests: ['relay/src/core/delivery.test.ts'],
    broken: ['missed.sort(inOrder(subscription.groupOrder));', "missed.sort(inOrder('ascending'));"],
  },
  N103: {
    section: '7.2',
    keyword: 'SHOULD',
    says: 'control streams go first, then request streams, then Objects',
    code: [
      'protocol/src/session/own-request.ts#REQUEST_PRIORITY',
      'protocol/src/session/control-streams.ts#CONTROL_PRIORITY',
    ],
    tests: ['test/conformance/src/tests/priorities.test.ts', 'relay/src/core/delivery.test.ts'],
    broken: ['const REQUEST_PRIORITY = 1;', 'const REQUEST_PRIORITY = 300;'],
  },
  N104: {
    section: '7.3',
    keyword: 'SHOULD',
    says: 'relays respect the priorities of subscriber and Original Publisher',
    code: ['relay/src/core/downstream/fetch-response.ts#FetchResponse', 'relay/src/core/downstream/fan-out.ts#FanOut'],
    tests: ['relay/src/core/delivery.test.ts'],
    broken: ['openFetch(request, streamPriority(priority, track.policy.defaultPriority));', 'openFetch(request, 0);'],
  },
  N105: {
    section: '7.3',
    keyword: 'SHOULD NOT',
    says: "relays do not pass on a subscriber's priority and Group order",
    code: ['relay/src/core/upstream/sources.ts#openSource'],
    tests: ['relay/src/core/delivery.test.ts'],
    broken: [
      '...newGroupWish(track),\n  });',
      '...newGroupWish(track),\n    ...[...track.waiting][0]?.parameters,\n  });',
    ],
  },
  N106: {
    section: '7.3',
    keyword: 'SHOULD',
    says: 'a default priority is in the middle of the range',
    code: ['protocol/src/model/objects.ts#DEFAULT_PUBLISHER_PRIORITY'],
    tests: ['test/conformance/src/tests/priorities.test.ts'],
    broken: ['DEFAULT_PUBLISHER_PRIORITY = 128', 'DEFAULT_PUBLISHER_PRIORITY = 255'],
  },
  N107: {
    section: '8',
    keyword: 'MUST',
    says: 'the time at which an Object came is kept',
    code: ['relay/src/core/downstream/catch-up.ts#CatchUp', 'relay/src/core/upstream/accept.ts#readObject'],
    tests: ['relay/src/core/delivery.test.ts › N107, N108'],
    broken: [
      'nowMs - receivedMs > subscription.deliveryTimeoutMs',
      'nowMs - receivedMs > subscription.deliveryTimeoutMs * 1000',
    ],
  },
  N108: {
    section: '8',
    keyword: 'MUST/MUST/SHOULD NOT',
    says: 'a Subgroup whose next Object is too old is reset with DELIVERY_TIMEOUT, and not begun anew',
    code: ['relay/src/core/downstream/catch-up.ts#CatchUp', 'relay/src/core/downstream/fan-out.ts#FanOut'],
    tests: ['relay/src/core/delivery.test.ts › N107, N108'],
    broken: ['return late ? [] : due.filter(', 'return due.filter('],
  },
  N109: {
    section: '8',
    keyword: 'SHOULD',
    says: 'time-outs are checked before data is retransmitted, if the transport allows it',
    notApplicable:
      'The QUIC library retransmits by itself and offers no such check; what waits for the first time is checked, and a stream is reset when its time is over.',
  },
  N110: {
    section: '8',
    keyword: 'SHOULD/MUST',
    says: 'a datagram that is too old is dropped',
    code: ['relay/src/core/downstream/fan-out.ts#FanOut.forwardDatagram'],
    tests: ['test/conformance/src/tests/delivery.test.ts', 'relay/src/core/slow-subscribers.test.ts'],
    broken: ['if (ageMs > Math.min(subscription.deliveryTimeoutMs, subscription.subgroupTimeoutMs)) continue;', ''],
  },
  N111: {
    section: '8',
    keyword: 'SHOULD',
    says: 'datagrams are hardly queued',
    notApplicable:
      "A relay hands a datagram to the transport in the turn in which it comes, or drops it; the transport's queue is bounded in bytes (`packages/quic/native/config.rs`).",
  },
  N112: {
    section: '8',
    keyword: 'MUST',
    says: 'SUBGROUP_DELIVERY_TIMEOUT runs from the end of the Subgroup',
    code: ['relay/src/core/downstream/timed-receiver.ts#TimedReceiver'],
    tests: ['relay/src/core/delivery.test.ts › N112, N113'],
    broken: [
      'this.#context.timers.schedule(late, this.#context.nowMs + this.#timeoutMs);',
      'this.#context.timers.cancel(late);',
    ],
  },
  N113: {
    section: '8',
    keyword: 'MUST',
    says: 'a stream that is not through by then is reset',
    code: ['relay/src/core/downstream/timed-receiver.ts#TimedReceiver'],
    tests: ['relay/src/core/delivery.test.ts › N112, N113'],
    broken: ['connection.reset(stream.id, StreamResetCode.DELIVERY_TIMEOUT)', 'connection.setPriority(stream.id, 0)'],
  },
};
