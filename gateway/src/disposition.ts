// `?download` and `?download=<name>`: the file is saved, and not shown (RFC 6266, RFC 8187).

/** Controls, separators of paths, and characters that change the direction of a text. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f/\\\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Characters. Most systems allow 255 bytes. */
const LONGEST = 200;

/** The value of Content-Disposition that makes a browser save a file under a name. */
export function attachment(name: string): string {
  const safe = [...name.replace(UNSAFE, "_")].slice(0, LONGEST).join("").toWellFormed();
  if (safe === "" || /^\.+$/.test(safe)) return "attachment";
  if (/^[\w.-]+$/.test(safe)) return `attachment; filename=${safe}`;
  const quoted = safe.replace(/[^ -~]/gu, "_").replace(/["\\]/g, "\\$&");
  const encoded = encodeURIComponent(safe).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${quoted}"; filename*=UTF-8''${encoded}`;
}
