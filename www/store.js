// The server that this page came from: which stores there are, how slow they are to be, where their chunks lie.

/** { stores: [{ name, filer, directory, canLookup, start, files, replicas: [{ host, isAlive, slowness }] }], settings: { latency, rate } | null } */
export async function fetchStores() {
  const response = await fetch("api/store");
  if (!response.ok) throw new Error(`the page's server answers ${response.status}; start it with npm start`);
  return response.json();
}

/** Makes the stand-in slow: milliseconds before each chunk, bytes a second for each response (0: no limit). */
export const setServer = (settings) => post("api/store", settings);

/** Changes one replica of a store: `{ slowness }` or `{ isAlive }`. */
export async function setReplica(store, index, change) {
  store.replicas = await post("api/replica", { store: store.name, index, ...change });
}

/** What was asked for last. */
let latest = Promise.resolve();

// One after another: of a slider that is pulled, the last place must win.
function post(path, value) {
  latest = latest.catch(() => {}).then(() => send(path, value));
  return latest;
}

async function send(path, value) {
  const response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
  if (!response.ok) throw new Error(`the page's server answers ${response.status}`);
  return response.json();
}

/** A `locate` for openFiler: the volume servers that hold a chunk. Asks once for each volume. */
export function volumeServers(store) {
  const volumes = new Map();
  return async (fileId, { refresh }) => {
    const [volumeId] = fileId.split(",");
    // A look-up that failed is not kept: `refresh` follows it.
    if (refresh || !volumes.has(volumeId)) volumes.set(volumeId, lookup(store, volumeId));
    const hosts = await volumes.get(volumeId);
    return { urls: hosts.map((host) => `http://${host}/${fileId}`) };
  };
}

// No signal: one look-up serves every view of its volume, so it must not end with the first.
async function lookup({ name }, volumeId) {
  const response = await fetch(`api/lookup?${new URLSearchParams({ store: name, volumeId })}`);
  if (response.status === 404) return [];
  if (!response.ok) throw new Error(`the look-up of volume ${volumeId} was answered with ${response.status}`);
  const { locations } = await response.json();
  return locations.map(({ publicUrl }) => publicUrl);
}
