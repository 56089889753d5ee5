// The folder of the parts in the private file system of the origin.

/** The folder, which is made if it is not there. */
export async function partsFolder() {
  return (await navigator.storage.getDirectory()).getDirectoryHandle("kelp-stream parts", { create: true });
}

/** The SHA-256 of bytes, in hexadecimal. */
export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
