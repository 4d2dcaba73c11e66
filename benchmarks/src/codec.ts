import { decodeMessage, encodeFrames, encodeMessage, type Frame, parseMessage } from "@devmesh/protocol";
import { median, printTable, rounded } from "./figures.ts";

const rounds = 5;
const framesPerRound = 200_000;

/** Frames per second of the codec alone, on one core: encode, decode, and decode with parsing of the payload. */
export async function benchCodec(): Promise<void> {
  const accept = { id: "r-1", assignmentId: "0199c0de-0000-7000-8000-000000000001", fence: 1 };
  const frame = encodeMessage("TASK_ACCEPT", accept);
  const single = await encode([frame]);
  const batch = await encode(new Array<Frame>(100).fill(frame));
  const parse = (data: readonly Uint8Array[]): void => {
    for (const bytes of data) for (const one of decodeMessage(bytes)) parseMessage(one);
  };
  printTable(
    "Codec, TASK_ACCEPT, one core",
    ["what", "frames/s, median"],
    [
      ["encode, single", measure(1, () => encodeFrames([encodeMessage("TASK_ACCEPT", accept)]))],
      ["decode, single", measure(1, () => single.map((bytes) => decodeMessage(bytes)))],
      ["decode and parse, single", measure(1, () => parse(single))],
      ["decode and parse, batches of 100 (gzip)", measure(100, () => parse(batch))],
    ],
  );
}

async function encode(frames: readonly Frame[]): Promise<readonly Uint8Array[]> {
  return await encodeFrames(frames);
}

function measure(framesPerCall: number, call: () => unknown): string {
  const perSecond = Array.from({ length: rounds + 1 }, () => {
    const begunAt = performance.now();
    for (let frames = 0; frames < framesPerRound; frames += framesPerCall) call();
    return (framesPerRound * 1_000) / (performance.now() - begunAt);
  });
  return rounded(median(perSecond.slice(1)));
}
