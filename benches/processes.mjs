// CPU and memory of processes, from /proc (Linux).
import { readdirSync, readFileSync } from "node:fs";

/** /proc counts CPU time in hundredths of a second, and memory in pages of 4 KiB. */
const TICK = 10;
const PAGE = 4096;

/** Milliseconds of CPU that a process and its descendants have used. */
export function cpuOf(pid) {
  return treeOf(pid).reduce((sum, { ticks }) => sum + ticks * TICK, 0);
}

/** Milliseconds of CPU of the threads that run pages, to the nanosecond. */
export function pageCpuOf(pid) {
  const renderers = treeOf(pid).filter((each) => read(each.pid, "cmdline")?.includes("--type=renderer"));
  return renderers.reduce((sum, each) => sum + Number(read(each.pid, `task/${each.pid}/schedstat`)?.split(" ")[0] ?? 0) / 1e6, 0);
}

/** Resident bytes of the renderer with the most CPU time, which is that of the page. */
export function rendererMemory(pid) {
  const renderers = treeOf(pid).filter((each) => read(each.pid, "cmdline")?.includes("--type=renderer"));
  const [busiest] = renderers.sort((a, b) => b.ticks - a.ticks);
  return busiest ? Number(read(busiest.pid, "statm").split(" ")[1]) * PAGE : 0;
}

function treeOf(root) {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => stat(Number(pid))).filter(Boolean);
  const tree = all.filter(({ pid }) => pid === root);
  for (const each of tree) tree.push(...all.filter(({ parent }) => parent === each.pid));
  return tree;
}

function stat(pid) {
  // The name, in parentheses, may contain any character.
  const fields = read(pid, "stat")?.replace(/^.*\) /s, "").split(" ");
  return fields && { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}

// The process may have ended.
function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
