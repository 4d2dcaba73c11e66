// usage: npm start [-- --no-demo --home DIR]
// Loading all modules takes a second, in which there is nothing to end: Ctrl-C then leaves at once, as it does later.
const leave = (): void => process.exit(0);
process.once("SIGINT", leave);
process.once("SIGTERM", leave);
const { runCommand } = await import("./command.ts");
// a signal that came while modules were compiled is heard in the next turn of the event loop
for (let turn = 0; turn < 2; turn++) await new Promise((next) => setImmediate(next));
process.removeListener("SIGINT", leave);
process.removeListener("SIGTERM", leave);
process.exit(await runCommand(process.argv.slice(2)));

export {};
