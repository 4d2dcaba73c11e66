// Loaded before a process's own code (`--import`): its wall clock is off by SKEW_MS. Timers and monotonic time are not.
const skewMs = Number(process.env["SKEW_MS"] ?? 0);
const RealDate = Date;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, values: readonly unknown[], newTarget) =>
    Reflect.construct(target, values.length === 0 ? [RealDate.now() + skewMs] : values, newTarget),
  apply: () => new RealDate(RealDate.now() + skewMs).toString(),
  get: (target, key, receiver) => (key === "now" ? () => RealDate.now() + skewMs : Reflect.get(target, key, receiver)),
});
