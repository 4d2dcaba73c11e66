// Preloaded (`node --import`) into child processes: their standard input is a pipe that nobody writes to, and that closes
// when the parent ends, however it ends. Then this process ends as well.
process.stdin.on("error", endProcess).on("end", endProcess).resume();
// It alone keeps no process alive.
if ("unref" in process.stdin && typeof process.stdin.unref === "function") process.stdin.unref();

function endProcess(): void {
  process.exit(0);
}
