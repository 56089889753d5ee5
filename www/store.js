// The server of this page: which stores it runs, how slow they are, and where their chunks are.

/** { stores: [{ name, filer, directory, canLookup, start, files, replicas: [{ host, isAlive, slowness }] }], settings: { latency, rate } | null } */
export async function fetchStores() {
  const response = await fetch("api/store");
  if (!response.ok) throw new Error(`the server of this page answered ${response.status}; start it with npm start`);
  return response.json();
}

/** Slows down the stand-in store: milliseconds before each chunk, bytes per second of each response (0: no limit). */
export const setServer = (settings) => post("api/store", settings);

/** Changes one replica of a store: `{ slowness }` or `{ isAlive }`. */
export async function setReplica(store, index, change) {
  store.replicas = await post("api/replica", { store: store.name, index, ...change });
}

/** The latest request. */
let latest = Promise.resolve();

// In sequence: the last position of a slider must win.
function post(path, value) {
  latest = latest.catch(() => {}).then(() => send(path, value));
  return latest;
}

async function send(path, value) {
  const response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
  if (!response.ok) throw new Error(`the server of this page answered ${response.status}`);
  return response.json();
}

/** A `locate` for openFiler: the volume servers that hold a chunk. Looks each volume up once. */
export function volumeServers(store) {
  const volumes = new Map();
  return async (fileId, { refresh }) => {
    const [volumeId] = fileId.split(",");
    // A lookup that failed is repeated, because kelp-stream calls again with `refresh`.
    if (refresh || !volumes.has(volumeId)) volumes.set(volumeId, lookup(store, volumeId));
    const hosts = await volumes.get(volumeId);
    return { urls: hosts.map((host) => `http://${host}/${fileId}`) };
  };
}

// Without a signal: one lookup serves every view of its volume, so aborting one view must not end it.
async function lookup({ name }, volumeId) {
  const response = await fetch(`api/lookup?${new URLSearchParams({ store: name, volumeId })}`);
  if (response.status === 404) return [];
  if (!response.ok) throw new Error(`the lookup of volume ${volumeId} was answered with ${response.status}`);
  const { locations } = await response.json();
  return locations.map(({ publicUrl }) => publicUrl);
}
