// `?download` and `?download=<name>`: the file is saved, and not shown (RFC 6266, RFC 8187). As src/http/content_disposition.rs of the
// core: tests/fixtures/dispositions.json has what both write.

/** Controls, backslashes, and characters that change the direction of a text. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\\\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Characters. Most systems allow 255 bytes. */
const LONGEST = 255;

/** The value of Content-Disposition that makes a browser save a file under the last component of a name. */
export function attachment(name: string): string {
  const last = name.slice(name.lastIndexOf("/") + 1).toWellFormed();
  if (/^[. ]*$/.test(last)) return "attachment";
  const safe = [...last.replace(UNSAFE, "_")].slice(0, LONGEST).join("");
  if (/^[\w!#$&+.^`|~-]+$/.test(safe)) return `attachment; filename=${safe}`;
  const quoted = safe.replace(/[^ -~]/gu, "_").replaceAll('"', '\\"');
  const encoded = encodeURIComponent(safe)
    .replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(?:2[346B]|5E|60|7C)/g, decodeURIComponent);
  return `attachment; filename="${quoted}"; filename*=UTF-8''${encoded}`;
}
