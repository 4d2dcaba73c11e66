import { expect, test, vi } from "vitest";
import { toBody } from "./to-body.ts";

test("ends a source that waits to be read on when its client goes", async () => {
  const ended = vi.fn();
  const onEnd = vi.fn();
  async function* source(): AsyncGenerator<string, void> {
    try {
      yield "one";
      yield "two";
    } finally {
      ended();
    }
  }
  const reader = toBody(source(), onEnd).getReader();
  await reader.read();
  await reader.cancel();
  await expect.poll(() => ended).toHaveBeenCalledOnce();
  expect(onEnd).toHaveBeenCalledOnce();
});

test("ends with its source, and tells why that failed", async () => {
  const error = new Error("broken");
  const onEnd = vi.fn();
  async function* source(): AsyncGenerator<string, void> {
    yield "one";
    throw error;
  }
  expect(await new Response(toBody(source(), onEnd)).text()).toBe("one");
  expect(onEnd).toHaveBeenCalledExactlyOnceWith(error);
});
