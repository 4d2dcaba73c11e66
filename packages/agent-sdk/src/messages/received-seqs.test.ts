import { expect, test } from "vitest";
import { ReceivedSeqs } from "./received-seqs.ts";

test("counts the contiguous prefix of what came, gaps in the numbers aside", () => {
  const seqs = new ReceivedSeqs();
  for (const seq of [3, 5, 9]) expect(seqs.receive(seq)).toBe(true);
  expect(seqs.lastSeq).toBeUndefined();
  seqs.process(5);
  expect(seqs.lastSeq).toBeUndefined();
  seqs.process(3);
  expect(seqs.lastSeq).toBe(5);
  expect(seqs.unacknowledged).toBe(2);
  expect(seqs.takeAck()).toBe(5);
  expect(seqs.takeAck()).toBeUndefined();
});

test("refuses what it has seen, processed or not", () => {
  const seqs = new ReceivedSeqs();
  seqs.receive(4);
  expect(seqs.receive(4)).toBe(false);
  seqs.process(4);
  expect(seqs.receive(4)).toBe(false);
  expect(seqs.receive(3)).toBe(false);
  seqs.reset();
  expect(seqs.receive(1)).toBe(true);
});

test("keeps its count over many frames", () => {
  const seqs = new ReceivedSeqs();
  for (let seq = 1; seq <= 5_000; seq += 1) {
    seqs.receive(seq);
    if (seq > 1) seqs.process(seq - 1);
  }
  expect(seqs.lastSeq).toBe(4_999);
});
